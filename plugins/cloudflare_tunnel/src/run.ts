import { Cloudflared, type Exit } from "./cloudflared.js";
import type { Command } from "./command.js";
import { Complaint } from "./complaint.js";
import { type Health, watchHealth } from "./health.js";
import { addressAmong, type Rule, type Sighting, sightingIn } from "./sighting.js";

export interface RunOptions {
  readonly command: Command;
  /** The gateway's port: a named tunnel may serve several. */
  readonly port: number;
  /** True: the address comes from the tunnel's rules, or from `publicUrl`; false: from the box of a quick tunnel. */
  readonly named: boolean;
  readonly publicUrl: string | undefined;
  readonly startMs: number;
  readonly checkMs: number;
  readonly signal: AbortSignal;
  /** The address, each time that it changes; undefined: the tunnel stands, but nobody can tell its address. */
  readonly stands: (url: string | undefined) => void;
  /** It has lost its connection, and tries to get it back by itself. */
  readonly lost: () => void;
}

/** How a run ended. */
export interface Ended {
  /** In words that fit after "cloudflared". */
  readonly why: string;
  /** How long the tunnel stood, in ms. */
  readonly stoodMs: number;
}

/** One run of cloudflared from its start to its end, and what it said in between. */
export class Run {
  readonly #cloudflared: Cloudflared;
  readonly #over = new AbortController();
  readonly #complaint = new Complaint();
  #verdict: string | undefined;
  #isConnected = false;
  #isLost = false;
  #rules: readonly Rule[] = [];
  #address: string | undefined;
  #told: { readonly url: string | undefined; readonly at: number } | undefined;

  constructor(private readonly options: RunOptions) {
    this.#cloudflared = new Cloudflared(options.command, (line) => this.#read(line));
  }

  /** Resolves when nothing of it is left. Never rejects. */
  async end(): Promise<Ended> {
    const { signal, startMs } = this.options;
    const stop = () => void this.#cloudflared.end();
    signal.addEventListener("abort", stop, { once: true });
    const late = setTimeout(() => {
      if (this.#told === undefined) this.#giveUp(`had no tunnel after ${startMs / 1000} s`);
    }, startMs);
    const exit = await this.#cloudflared.exited;
    this.#over.abort();
    clearTimeout(late);
    signal.removeEventListener("abort", stop);
    await this.#cloudflared.end();
    return { why: this.#explain(exit), stoodMs: this.#told === undefined ? 0 : Date.now() - this.#told.at };
  }

  #read(line: string): void {
    const sighting = sightingIn(line);
    if (sighting === undefined) this.#complaint.read(line);
    else this.#take(sighting);
  }

  #take(sighting: Sighting): void {
    if (sighting.kind === "metrics") this.#watch(sighting.url);
    else {
      if (sighting.kind === "connected") {
        this.#isConnected = true;
        this.#complaint.clear();
      }
      if (sighting.kind === "rules") this.#rules = sighting.rules;
      if (sighting.kind === "address") this.#address = sighting.url;
      this.#tell();
    }
  }

  /** A tunnel is up when it is connected; a quick one has an address before. */
  #tell(): void {
    const { named, publicUrl, port, stands } = this.options;
    // One that is being ended may still say where it would have led.
    if (this.#verdict !== undefined) return;
    if (!this.#isConnected || (!named && this.#address === undefined)) return;
    const url = named ? (publicUrl ?? addressAmong(this.#rules, port)) : this.#address;
    if (this.#told !== undefined && this.#told.url === url && !this.#isLost) return;
    this.#isLost = false;
    this.#told = { url, at: this.#told?.at ?? Date.now() };
    stands(url);
  }

  #watch(metrics: string): void {
    const { checkMs } = this.options;
    void watchHealth(metrics, { everyMs: checkMs, signal: this.#over.signal }, (health) =>
      this.#hear(health),
    );
  }

  #hear(health: Health): void {
    if (health === "silent") this.#giveUp("did not answer any more");
    if (this.#told === undefined) return;
    if (health === "disconnected" && !this.#isLost) {
      this.#isLost = true;
      this.options.lost();
    }
    if (health === "connected") this.#tell();
  }

  #giveUp(verdict: string): void {
    this.#verdict ??= verdict;
    void this.#cloudflared.end();
  }

  #explain({ code, signal, startError }: Exit): string {
    if (startError !== undefined) return `does not start (${startError})`;
    const how =
      this.#verdict ?? (signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`);
    const { text } = this.#complaint;
    return text === "" ? how : `${how}: ${text}`;
  }
}
