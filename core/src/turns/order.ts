/** The turns of a session run one at a time, in the order in which they came. */
export class SessionOrder {
  /** The end of each session's line. */
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Waits for the session's earlier turns; resolves to what lets the next one go.
   * Rejects with the signal's reason when that aborts first; the line goes on without this one.
   */
  async enter(sessionId: string, stop: AbortSignal): Promise<() => void> {
    const before = this.#tails.get(sessionId) ?? Promise.resolve();
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const tail = before.then(() => left);
    this.#tails.set(sessionId, tail);
    void tail.then(() => {
      if (this.#tails.get(sessionId) === tail) this.#tails.delete(sessionId);
    });
    try {
      await unlessAborted(before, stop);
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }
}

async function unlessAborted(wait: Promise<void>, signal: AbortSignal): Promise<void> {
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
  });
  if (signal.aborted) throw signal.reason;
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([wait, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
