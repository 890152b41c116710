const MAX_KNOWN = 1000;

/** Lets something happen once per interval for each sender, so that a stranger cannot flood the chat or the log. */
export class OncePer {
  readonly #last = new Map<string, number>();

  constructor(private readonly intervalMs: number) {}

  /** False if it happened lately. */
  isTime(whom: string): boolean {
    const now = Date.now();
    const last = this.#last.get(whom);
    if (last !== undefined && now - last < this.intervalMs) return false;
    if (this.#last.size >= MAX_KNOWN) this.#last.clear();
    this.#last.set(whom, now);
    return true;
  }
}
