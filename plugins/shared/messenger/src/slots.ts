/** Runs a limited number of works at once; the others wait, in order. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(slots: number) {
    this.#free = slots;
  }

  /** Settles as the work does. Whoever waits when `signal` is aborted does not begin any more. */
  async run<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The slot goes to the next waiting conversation, and becomes free only if none waits.
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
