import { setTimeout as sleep } from "node:timers/promises";

const FIRST_PAUSE_MS = 25;
const MAX_PAUSE_MS = 1000;

/** How long work is repeated while the database is away: until a time, or until a signal. */
export class Patience {
  readonly #until: number;
  #attempts = 0;

  constructor(
    ms: number,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.#until = performance.now() + ms;
  }

  /** Waits before the next attempt, longer each time. False: there is no time for one. */
  async pause(): Promise<boolean> {
    const longest = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#attempts++);
    // At random, so that those that met on a row do not meet again.
    const ms = longest * (0.5 + Math.random() / 2);
    if (this.#isOver(ms)) return false;
    await sleep(ms, undefined, { signal: this.signal }).catch(() => undefined);
    return !this.#isOver(0);
  }

  #isOver(inMs: number): boolean {
    return this.signal?.aborted === true || performance.now() + inMs > this.#until;
  }
}
