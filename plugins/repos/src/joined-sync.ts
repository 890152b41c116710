/** A sync that runs or waits, and the clients that wait for it. */
export class JoinedSync<T> {
  readonly #left = new AbortController();
  readonly #result: Promise<T>;
  #clients = 0;
  #begun = false;

  /** @param run is given a signal that aborts once all clients have left, and what to call when the sync begins */
  constructor(run: (left: AbortSignal, begun: () => void) => Promise<T>) {
    this.#result = run(this.#left.signal, () => {
      this.#begun = true;
    });
  }

  /** False: it was left by all clients before it began. */
  get isJoinable(): boolean {
    return this.#begun || !this.#left.signal.aborted;
  }

  /** The result, for one more client. */
  join(gone: AbortSignal): Promise<T> {
    this.#clients++;
    const leave = () => {
      this.#clients--;
      if (this.#clients === 0) this.#left.abort();
    };
    if (gone.aborted) leave();
    else gone.addEventListener("abort", leave, { once: true });
    return this.#result;
  }
}
