import { setTimeout as sleep } from "node:timers/promises";

/** The first pause, the longest, and how long to try in all, in ms. */
const FIRST_MS = 50;
const LONGEST_MS = 400;
const ALL_MS = 5_000;

/** The pauses between tries, each twice as long as the one before. */
export class Retries {
  readonly #until = performance.now() + ALL_MS;
  #next = FIRST_MS;

  /** False at once: it has been tried for long enough. */
  async pause(): Promise<boolean> {
    if (performance.now() >= this.#until) return false;
    // A part of it at random: what was refused at once does not come again at once.
    await sleep(this.#next * (0.5 + Math.random() / 2));
    this.#next = Math.min(this.#next * 2, LONGEST_MS);
    return true;
  }
}
