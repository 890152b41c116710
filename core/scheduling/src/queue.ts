import { type GatewayError, type KeyPlace, type KeyPlaces, NotBegun, retryLater } from "@claudeway/ports";
import { PlacesOfKeys } from "./places-of-keys.js";

/** A running turn's place. Leaving twice is harmless. */
export interface Place {
  leave(): void;
}

export interface QueueLimits {
  /** How many turns run at once. */
  readonly maxRunning: number;
  /** How many more may wait. */
  readonly maxQueued: number;
  /** How many turns of one key run at once, if that is fewer. */
  readonly maxRunningOf?: (keyId: string) => number | undefined;
  /** In a cluster: counts the running turns of keys with a limit of their own over all nodes. */
  readonly keyPlaces?: KeyPlaces | undefined;
}

interface Waiter {
  readonly keyId: string;
  /** True: the turn had a place before and can't be refused. */
  readonly again: boolean;
  readonly signal: AbortSignal;
  admit(place: Place): void;
  refuse(error: unknown): void;
  moved(position: number): void;
  /** The last position that was reported. */
  position: number;
}

/**
 * Limits how many turns run and how many wait. Keys are served round-robin, so a key that floods the queue delays only
 * itself. Within a key, turns are served in the order of their arrival.
 */
export class TurnQueue {
  readonly #running = new Map<string, number>();
  /** The waiting turns of each key; the key to be served next comes first. */
  readonly #lines = new Map<string, Waiter[]>();
  readonly #placesOfKeys: PlacesOfKeys | undefined;
  #closed = false;

  constructor(private readonly limits: QueueLimits) {
    const { keyPlaces } = limits;
    this.#placesOfKeys = keyPlaces && new PlacesOfKeys(keyPlaces, () => this.#admit());
  }

  get running(): number {
    return [...this.#running.values()].reduce((sum, count) => sum + count, 0);
  }

  get queued(): number {
    return [...this.#lines.values()].reduce((sum, line) => sum + line.length, 0);
  }

  /**
   * Waits for a place. `moved` is called with the position in the queue, from 1, when it changes; far back, only when
   * it changes by a tenth. Rejects with UNAVAILABLE if the queue is full or closed, and with the signal's reason.
   */
  enter(keyId: string, signal: AbortSignal, moved: (position: number) => void): Promise<Place> {
    if (this.#closed) return Promise.reject(shuttingDown());
    const full = this.queued >= this.limits.maxQueued && !this.#hasRoomFor(keyId);
    if (full && !signal.aborted) return Promise.reject(queueFull(this.limits.maxQueued));
    return this.#wait(keyId, signal, moved, false);
  }

  /**
   * The same for a turn that gave its place back while it waited for a person. It goes ahead of its key's other turns,
   * and neither a full queue nor a shutdown refuses it, nor a ledger that fails: it rejects with the signal's reason only.
   */
  enterAgain(keyId: string, signal: AbortSignal, moved: (position: number) => void): Promise<Place> {
    return this.#wait(keyId, signal, moved, true);
  }

  #wait(
    keyId: string,
    signal: AbortSignal,
    moved: (position: number) => void,
    again: boolean,
  ): Promise<Place> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const hasRoom = this.#hasRoomFor(keyId);
    if (hasRoom && this.#limitOverNodes(keyId) === undefined) return Promise.resolve(this.#place(keyId));
    return new Promise((resolve, reject) => {
      const settled = () => signal.removeEventListener("abort", leave);
      const waiter: Waiter = {
        keyId,
        again,
        signal,
        moved,
        position: 0,
        admit(place) {
          settled();
          resolve(place);
        },
        refuse(error) {
          settled();
          reject(error);
        },
      };
      const leave = () => {
        this.#remove(waiter);
        this.#reportPositions();
        waiter.refuse(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      if (hasRoom) return this.#serve(waiter);
      const line = this.#lines.get(keyId) ?? [];
      const ahead = again ? line.filter((other) => other.again) : line;
      this.#lines.set(keyId, [...ahead, waiter, ...line.slice(ahead.length)]);
      this.#reportPositions();
    });
  }

  /** Refuses waiting and new turns. Running turns keep their places, and can still re-enter. */
  close(): void {
    this.#closed = true;
    for (const waiter of [...this.#lines.values()].flat()) {
      if (waiter.again) continue;
      this.#remove(waiter);
      waiter.refuse(shuttingDown());
    }
  }

  #hasRoomFor(keyId: string): boolean {
    const ownLimit = this.limits.maxRunningOf?.(keyId) ?? Number.POSITIVE_INFINITY;
    if (this.#placesOfKeys?.isFull(keyId) === true) return false;
    return this.running < this.limits.maxRunning && (this.#running.get(keyId) ?? 0) < ownLimit;
  }

  #place(keyId: string): Place {
    this.#running.set(keyId, (this.#running.get(keyId) ?? 0) + 1);
    let left = false;
    return {
      leave: () => {
        if (left) return;
        left = true;
        const rest = (this.#running.get(keyId) ?? 1) - 1;
        if (rest === 0) this.#running.delete(keyId);
        else this.#running.set(keyId, rest);
        this.#admit();
      },
    };
  }

  /** Admits as many turns as there are free places. A key that was served goes behind the others. */
  #admit(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#remove(next);
      const rest = this.#lines.get(next.keyId);
      if (rest !== undefined) {
        this.#lines.delete(next.keyId);
        this.#lines.set(next.keyId, rest);
      }
      this.#serve(next);
    }
    this.#reportPositions();
  }

  #limitOverNodes(keyId: string): number | undefined {
    return this.#placesOfKeys && this.limits.maxRunningOf?.(keyId);
  }

  /** Gives a place to a turn for which there is room. */
  #serve(waiter: Waiter): void {
    const limit = this.#limitOverNodes(waiter.keyId);
    const place = this.#place(waiter.keyId);
    if (limit === undefined) waiter.admit(place);
    else void this.#serveOverNodes(waiter, place, limit);
  }

  /** The turn waits on, at the head of its key's line, if there is room on this node only. */
  async #serveOverNodes(waiter: Waiter, place: Place, limit: number): Promise<void> {
    const { keyId, signal, again } = waiter;
    try {
      const overNodes = await this.#placesOfKeys?.take(keyId, limit, again);
      const both = overNodes && this.#bothPlaces(keyId, place, overNodes);
      if (signal.aborted || (this.#closed && !again)) {
        waiter.refuse(shuttingDown());
        (both ?? place).leave();
      } else if (both !== undefined) {
        waiter.admit(both);
        this.#admit();
      } else {
        this.#lines.set(keyId, [waiter, ...(this.#lines.get(keyId) ?? [])]);
        place.leave();
      }
    } catch (error) {
      waiter.refuse(error);
      place.leave();
    }
  }

  #bothPlaces(keyId: string, place: Place, overNodes: KeyPlace): Place {
    let left = false;
    return {
      leave: () => {
        if (left) return;
        left = true;
        place.leave();
        void this.#placesOfKeys?.leave(keyId, overNodes);
      },
    };
  }

  #next(): Waiter | undefined {
    for (const [keyId, [first]] of this.#lines) if (this.#hasRoomFor(keyId)) return first;
    return undefined;
  }

  #remove(waiter: Waiter): void {
    const rest = (this.#lines.get(waiter.keyId) ?? []).filter((other) => other !== waiter);
    if (rest.length === 0) this.#lines.delete(waiter.keyId);
    else this.#lines.set(waiter.keyId, rest);
  }

  /** Reports each waiting turn's position: the order of service is one turn of each key, round after round. */
  #reportPositions(): void {
    let position = 0;
    const longest = Math.max(0, ...[...this.#lines.values()].map((line) => line.length));
    for (let round = 0; round < longest; round++) {
      for (const line of this.#lines.values()) {
        const waiter = line[round];
        if (waiter !== undefined) moveTo(waiter, ++position);
      }
    }
  }
}

/**
 * Reports a position far back only when it changes by a tenth. Reporting every step to every waiter would cost the
 * square of the queue's length, in time and in stream memory.
 */
function moveTo(waiter: Waiter, position: number): void {
  const step = Math.max(1, Math.floor(waiter.position / 10));
  if (Math.abs(position - waiter.position) < step) return;
  waiter.position = position;
  waiter.moved(position);
}

/** A queue that always has a place, for turns that are already running. */
export const UNQUEUED: Pick<TurnQueue, "enter" | "enterAgain"> = {
  enter: async () => NO_PLACE,
  enterAgain: async () => NO_PLACE,
};

const NO_PLACE: Place = { leave: () => undefined };

/** The error for a turn that meets a full queue. */
export function queueFull(size: number): GatewayError {
  return retryLater(`the queue is full (${size} turns wait); try again later`, 5);
}

/** The error for a turn that would begin while the gateway drains. */
export function shuttingDown(): GatewayError {
  return new NotBegun("UNAVAILABLE", "the gateway is shutting down", {
    headers: { "retry-after": "10" },
  });
}
