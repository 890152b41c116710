import { unlessAborted } from "../unless-aborted.js";
import { queueFull } from "./queue.js";

/** The turns of a session run one at a time, in the order in which they came. */
export class SessionOrder {
  /** The end of each session's line. */
  readonly #tails = new Map<string, Promise<void>>();
  #waiting = 0;

  /** @param maxWaiting how many turns may wait for earlier ones, over all sessions */
  constructor(private readonly maxWaiting: number) {}

  /**
   * Waits for the session's earlier turns; resolves to what lets the next one go.
   * Rejects with the signal's reason when that aborts first; the line goes on without this one. Rejects with UNAVAILABLE
   * where too many wait, unless the turn was let in before (`again`: it was parked).
   */
  async enter(
    sessionId: string,
    stop: AbortSignal,
    { again = false }: { readonly again?: boolean } = {},
  ): Promise<() => void> {
    const before = this.#tails.get(sessionId);
    if (before !== undefined && !again && this.#waiting >= this.maxWaiting) throw queueFull(this.maxWaiting);
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const tail = (before ?? Promise.resolve()).then(() => left);
    this.#tails.set(sessionId, tail);
    void tail.then(() => {
      if (this.#tails.get(sessionId) === tail) this.#tails.delete(sessionId);
    });
    const waits = before === undefined ? 0 : 1;
    this.#waiting += waits;
    try {
      await unlessAborted(before ?? Promise.resolve(), stop);
    } catch (error) {
      leave();
      throw error;
    } finally {
      this.#waiting -= waits;
    }
    return leave;
  }
}
