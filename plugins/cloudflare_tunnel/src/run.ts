import { Cloudflared, type Exit } from "./cloudflared.js";
import type { Command } from "./command.js";
import { Complaint } from "./complaint.js";
import { type Health, watchHealth } from "./health.js";
import { addressAmong, type Rule, type Sighting, sightingIn } from "./sighting.js";

export interface RunOptions {
  readonly command: Command;
  /** The gateway's port; a named tunnel may serve several. */
  readonly port: number;
  /** True if the URL comes from the tunnel's rules or from `publicUrl`; false if from the output of a quick tunnel. */
  readonly named: boolean;
  readonly publicUrl: string | undefined;
  readonly startMs: number;
  readonly checkMs: number;
  readonly signal: AbortSignal;
  /** Called with the URL each time that it changes; undefined if the tunnel is up but its URL is unknown. */
  readonly up: (url: string | undefined) => void;
  /** Called when cloudflared has lost its connection; it reconnects by itself. */
  readonly lost: () => void;
}

/** How a run ended. */
export interface Ended {
  /** The reason, phrased to follow "cloudflared". */
  readonly why: string;
  /** How long the tunnel was up, in ms. */
  readonly upMs: number;
}

/** One run of cloudflared, from start to exit, and its output. */
export class Run {
  readonly #cloudflared: Cloudflared;
  readonly #over = new AbortController();
  readonly #complaint = new Complaint();
  #verdict: string | undefined;
  #isConnected = false;
  #isLost = false;
  #rules: readonly Rule[] = [];
  #address: string | undefined;
  #announced: { readonly url: string | undefined; readonly at: number } | undefined;

  constructor(private readonly options: RunOptions) {
    this.#cloudflared = new Cloudflared(options.command, (line) => this.#read(line));
  }

  /** Resolves when the process and its children are gone. Never rejects. */
  async end(): Promise<Ended> {
    const { signal, startMs } = this.options;
    const stop = () => void this.#cloudflared.end();
    signal.addEventListener("abort", stop, { once: true });
    const late = setTimeout(() => {
      if (this.#announced === undefined) this.#giveUp(`had no tunnel after ${startMs / 1000} s`);
    }, startMs);
    const exit = await this.#cloudflared.exited;
    this.#over.abort();
    clearTimeout(late);
    signal.removeEventListener("abort", stop);
    await this.#cloudflared.end();
    return {
      why: this.#explain(exit),
      upMs: this.#announced === undefined ? 0 : Date.now() - this.#announced.at,
    };
  }

  #read(line: string): void {
    const sighting = sightingIn(line);
    if (sighting === undefined) this.#complaint.read(line);
    else this.#handle(sighting);
  }

  #handle(sighting: Sighting): void {
    if (sighting.kind === "metrics") this.#watch(sighting.url);
    else {
      if (sighting.kind === "connected") {
        this.#isConnected = true;
        this.#complaint.clear();
      }
      if (sighting.kind === "rules") this.#rules = sighting.rules;
      if (sighting.kind === "address") this.#address = sighting.url;
      this.#announce();
    }
  }

  /** Announces the tunnel once it is connected; a quick tunnel has its URL before that. */
  #announce(): void {
    const { named, publicUrl, port, up } = this.options;
    // A run that is being ended may still print its URL.
    if (this.#verdict !== undefined) return;
    if (!this.#isConnected || (!named && this.#address === undefined)) return;
    const url = named ? (publicUrl ?? addressAmong(this.#rules, port)) : this.#address;
    if (this.#announced !== undefined && this.#announced.url === url && !this.#isLost) return;
    this.#isLost = false;
    this.#announced = { url, at: this.#announced?.at ?? Date.now() };
    up(url);
  }

  #watch(metrics: string): void {
    const { checkMs } = this.options;
    void watchHealth(metrics, { everyMs: checkMs, signal: this.#over.signal }, (health) =>
      this.#hear(health),
    );
  }

  #hear(health: Health): void {
    if (health === "silent") this.#giveUp("stopped responding");
    if (this.#announced === undefined) return;
    if (health === "disconnected" && !this.#isLost) {
      this.#isLost = true;
      this.options.lost();
    }
    if (health === "connected") this.#announce();
  }

  #giveUp(verdict: string): void {
    this.#verdict ??= verdict;
    void this.#cloudflared.end();
  }

  #explain({ code, signal, startError }: Exit): string {
    if (startError !== undefined) return `does not start (${startError})`;
    const how = this.#verdict ?? (signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
    const { text } = this.#complaint;
    return text === "" ? how : `${how}: ${text}`;
  }
}
