import type { Place, TurnQueue } from "./queue.js";

export interface TurnSlotOptions {
  readonly queue: Pick<TurnQueue, "enter" | "enterAgain">;
  readonly keyId: string;
  /** How long the turn may run, in ms. */
  readonly timeoutMs: number;
  readonly onTimeout: () => void;
  /** Hears of the position in the queue. */
  readonly moved: (position: number) => void;
  readonly signal: AbortSignal;
}

/** A turn's place in the queue and its time: both are given back while a person is asked. */
export class TurnSlot {
  #place: Place | undefined;
  #timer: NodeJS.Timeout | undefined;
  #runningSince: number | undefined;
  #ranMs = 0;
  #queuedMs = 0;
  /** Calls that wait for a person. */
  #holds = 0;
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

  /** Waits for a place and lets the time run. `again`: the turn has had a place before. */
  async begin(again: boolean): Promise<void> {
    const { queue, keyId, signal, moved } = this.options;
    const arrived = performance.now();
    this.#place = again
      ? await queue.enterAgain(keyId, signal, moved)
      : await queue.enter(keyId, signal, moved);
    this.#queuedMs += performance.now() - arrived;
    this.#run();
  }

  /** A person is asked: the place is free for others, and the time stands still. */
  hold(): void {
    this.#holds++;
    if (this.#holds === 1) this.#rest();
  }

  /** The call that `hold` was for is settled; resolves when the turn has its place again. */
  async release(): Promise<void> {
    this.#holds--;
    // One after the other: a call that comes and goes while the place is waited for must not take a second one.
    this.#again = this.#again.then(() => this.#resume());
    await this.#again;
  }

  /** The call that `hold` was for is to be parked: the turn ends soon and needs no place for that, but it has a time. */
  leave(): void {
    this.#holds--;
    if (this.#holds === 0 && !this.#ended) this.#run();
  }

  end(): void {
    this.#ended = true;
    this.#rest();
  }

  async #resume(): Promise<void> {
    if (this.#holds > 0 || this.#ended || this.#place !== undefined) return;
    try {
      await this.begin(true);
      if (this.#holds > 0 || this.#ended) this.#rest();
    } catch {
      // The turn is being ended: whoever aborted the signal sees to it.
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
