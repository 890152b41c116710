import { GatewayError } from "../errors.js";

/** A running turn's place; leaving twice is harmless. */
export interface Place {
  leave(): void;
}

export interface QueueLimits {
  /** How many turns run at once. */
  readonly maxRunning: number;
  /** How many more may wait. */
  readonly maxQueued: number;
  /** How many turns of one key run at once, where that is less. */
  readonly maxRunningOf?: (keyId: string) => number | undefined;
}

interface Waiter {
  readonly keyId: string;
  /** It has had a place before: nothing may refuse it any more. */
  readonly again: boolean;
  admit(place: Place): void;
  refuse(error: unknown): void;
  moved(position: number): void;
  /** What it was told last. */
  position: number;
}

/**
 * Admission: so many turns run, so many wait. Keys take turns: whoever floods the queue waits behind everybody else's
 * next one. Within a key, first come first served.
 */
export class TurnQueue {
  readonly #running = new Map<string, number>();
  /** Keys that wait, the one to be served next first. */
  readonly #lines = new Map<string, Waiter[]>();
  #closed = false;

  constructor(private readonly limits: QueueLimits) {}

  get running(): number {
    return [...this.#running.values()].reduce((sum, count) => sum + count, 0);
  }

  get queued(): number {
    return [...this.#lines.values()].reduce((sum, line) => sum + line.length, 0);
  }

  /**
   * Waits for a place. `moved` is told the position in the queue, from 1, whenever it changes; far back, by a tenth.
   * Rejects with UNAVAILABLE when the queue is full or closed, and with the signal's reason when it aborts.
   */
  enter(keyId: string, signal: AbortSignal, moved: (position: number) => void): Promise<Place> {
    if (this.#closed) return Promise.reject(shuttingDown());
    const full = this.queued >= this.limits.maxQueued && !this.#hasRoomFor(keyId);
    if (full && !signal.aborted) return Promise.reject(queueFull(this.limits.maxQueued));
    return this.#wait(keyId, signal, moved, false);
  }

  /**
   * The same for a turn that had a place and gave it back while it waited for a person: it goes before its key's others,
   * and neither a full queue nor a shutdown refuses it.
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
    if (this.#hasRoomFor(keyId)) return Promise.resolve(this.#place(keyId));
    return new Promise((resolve, reject) => {
      const settled = () => signal.removeEventListener("abort", leave);
      const waiter: Waiter = {
        keyId,
        again,
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
        this.#tellPositions();
        waiter.refuse(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      const line = this.#lines.get(keyId) ?? [];
      const ahead = again ? line.filter((other) => other.again) : line;
      this.#lines.set(keyId, [...ahead, waiter, ...line.slice(ahead.length)]);
      this.#tellPositions();
    });
  }

  /** Refuses whoever waits and whoever comes; running turns keep their places, and get those back that they gave. */
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

  /** Admits as many as there is room for. A key that was served goes behind the others. */
  #admit(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#remove(next);
      const rest = this.#lines.get(next.keyId);
      if (rest !== undefined) {
        this.#lines.delete(next.keyId);
        this.#lines.set(next.keyId, rest);
      }
      next.admit(this.#place(next.keyId));
    }
    this.#tellPositions();
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

  /** The order of service, if nobody comes or goes: one of each key, round after round. */
  #tellPositions(): void {
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
 * Whoever is far back is told when that has changed by a tenth: to tell everybody of every step would cost the square of
 * the queue's length, in time and in what streams keep.
 */
function moveTo(waiter: Waiter, position: number): void {
  const step = Math.max(1, Math.floor(waiter.position / 10));
  if (Math.abs(position - waiter.position) < step) return;
  waiter.position = position;
  waiter.moved(position);
}

/** For turns that run already: there is always a place. */
export const UNQUEUED: Pick<TurnQueue, "enter" | "enterAgain"> = {
  enter: async () => NO_PLACE,
  enterAgain: async () => NO_PLACE,
};

const NO_PLACE: Place = { leave: () => undefined };

/** What a client meets where so many turns wait already. */
export function queueFull(size: number): GatewayError {
  return new GatewayError("UNAVAILABLE", `the queue is full (${size} turns wait); try again later`, {
    headers: { "retry-after": "5" },
  });
}

/** What a client meets whose turn would begin while the gateway drains. */
export function shuttingDown(): GatewayError {
  return new GatewayError("UNAVAILABLE", "the gateway is shutting down", {
    headers: { "retry-after": "10" },
  });
}
