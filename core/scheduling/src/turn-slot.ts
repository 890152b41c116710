import type { Place, TurnQueue } from "./queue.js";

export interface TurnSlotOptions {
  readonly queue: Pick<TurnQueue, "enter" | "enterAgain">;
  readonly keyId: string;
  /** How long the turn may run, in ms. */
  readonly timeoutMs: number;
  readonly onTimeout: () => void;
  /** Called with the position in the queue when it changes. */
  readonly moved: (position: number) => void;
  readonly signal: AbortSignal;
}

/** For calls that a person is asked about while the turn keeps its place and its clock runs. */
export const NEVER_SUSPENDED = {
  suspend: () => undefined,
  resume: () => Promise.resolve(),
  leave: () => undefined,
};

/** A turn's place in the queue and its clock. The place is free and the clock is stopped while a person is asked. */
export class TurnSlot {
  #place: Place | undefined;
  #timer: NodeJS.Timeout | undefined;
  #runningSince: number | undefined;
  #ranMs = 0;
  #queuedMs = 0;
  /** Calls that wait for a person. */
  #suspensions = 0;
  #again: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(private readonly options: TurnSlotOptions) {}

  get ranMs(): number {
    const now = this.#runningSince === undefined ? 0 : performance.now() - this.#runningSince;
    return this.#ranMs + now;
  }

  get queuedMs(): number {
    return this.#queuedMs;
  }

  get timeLeftMs(): number {
    return Math.max(0, this.options.timeoutMs - this.ranMs);
  }

  /** Waits for a place and starts the clock. `again`: the turn has had a place before. */
  async begin(again: boolean): Promise<void> {
    const { queue, keyId, signal, moved } = this.options;
    const arrived = performance.now();
    this.#place = again
      ? await queue.enterAgain(keyId, signal, moved)
      : await queue.enter(keyId, signal, moved);
    this.#queuedMs += performance.now() - arrived;
    this.#run();
  }

  /** A person is asked: frees the place and stops the clock. */
  suspend(): void {
    this.#suspensions++;
    if (this.#suspensions === 1) this.#rest();
  }

  /** Ends one suspension because its call is settled. Resolves when the turn has its place again. */
  async resume(): Promise<void> {
    this.#suspensions--;
    // Serialised, so that a call that suspends and resumes meanwhile does not occupy a second place.
    this.#again = this.#again.then(() => this.#reenter());
    await this.#again;
  }

  /** Ends one suspension because its call parks. The turn ends soon, so it needs no place; the clock continues. */
  leave(): void {
    this.#suspensions--;
    if (this.#suspensions === 0 && !this.#ended) this.#run();
  }

  end(): void {
    this.#ended = true;
    this.#rest();
  }

  async #reenter(): Promise<void> {
    if (this.#suspensions > 0 || this.#ended || this.#place !== undefined) return;
    try {
      await this.begin(true);
      if (this.#suspensions > 0 || this.#ended) this.#rest();
    } catch {
      // `enterAgain` rejects only if the turn is being ended: `stop` handles that.
    }
  }

  #run(): void {
    if (this.#runningSince !== undefined) return;
    this.#runningSince = performance.now();
    this.#timer = setTimeout(this.options.onTimeout, this.timeLeftMs);
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#ranMs = this.ranMs;
    this.#runningSince = undefined;
    this.#place?.leave();
    this.#place = undefined;
  }
}
