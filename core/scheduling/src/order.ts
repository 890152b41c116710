import { queueFull } from "./queue.js";
import { unlessAborted } from "./unless-aborted.js";

/** A place in a session's order. */
export interface Arrival {
  /** Resolves when all that joined earlier have left; undefined: there are none. */
  readonly before: Promise<void> | undefined;
  /** Leaves for good; again, it does nothing. */
  readonly leave: () => void;
}

/** Runs the turns of a session one at a time, in the order of their arrival. */
export class SessionOrder {
  /** For each session, a promise that resolves when its last turn so far has left. */
  readonly #tails = new Map<string, Promise<void>>();
  #waiting = 0;

  /** @param maxWaiting how many turns may wait, over all sessions */
  constructor(private readonly maxWaiting = Number.POSITIVE_INFINITY) {}

  /**
   * Waits for the session's earlier turns. Resolves to a function that lets the next turn go. Rejects with the signal's
   * reason if that aborts first; later turns then no longer wait for this one. Rejects with UNAVAILABLE if too many
   * turns wait, unless the turn was admitted before (`again`: it was parked).
   */
  async enter(
    sessionId: string,
    stop: AbortSignal,
    { again = false }: { readonly again?: boolean } = {},
  ): Promise<() => void> {
    if (this.#tails.has(sessionId) && !again && this.#waiting >= this.maxWaiting)
      throw queueFull(this.maxWaiting);
    const { before, leave } = this.join(sessionId);
    const waits = before === undefined ? 0 : 1;
    this.#waiting += waits;
    try {
      await unlessAborted(before, stop);
    } catch (error) {
      leave();
      throw error;
    } finally {
      this.#waiting -= waits;
    }
    return leave;
  }

  /** Joins at once. Who has joined must leave: later ones wait for that. */
  join(sessionId: string): Arrival {
    const before = this.#tails.get(sessionId);
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const tail = (before ?? Promise.resolve()).then(() => left);
    this.#tails.set(sessionId, tail);
    void tail.then(() => {
      if (this.#tails.get(sessionId) === tail) this.#tails.delete(sessionId);
    });
    return { before, leave };
  }
}
