/** Lets a limited number in at once, and a limited number wait, in order. */
export class Turnstile {
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(
    private readonly places: number,
    private readonly maxWaiting: number,
  ) {}

  /** Resolves to a function that gives the place back, once; to undefined if too many wait. */
  async enter(): Promise<(() => void) | undefined> {
    if (this.#inside < this.places) this.#inside++;
    else if (this.#waiting.length >= this.maxWaiting) return undefined;
    else await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    return () => this.#leave();
  }

  /** The place goes to the first that waits. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inside--;
    else next();
  }
}
