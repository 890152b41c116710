import { GatewayError } from "../errors.js";

/** A running turn's place; leaving twice is harmless. */
export interface Place {
  leave(): void;
}

interface Waiter {
  admit(place: Place): void;
  refuse(error: Error): void;
  moved(position: number): void;
}

/** Admission: at most `maxRunning` turns run, at most `maxQueued` wait, first come first served. */
export class TurnQueue {
  #running = 0;
  #closed = false;
  readonly #waiting: Waiter[] = [];

  constructor(private readonly limits: { readonly maxRunning: number; readonly maxQueued: number }) {}

  get running(): number {
    return this.#running;
  }

  get queued(): number {
    return this.#waiting.length;
  }

  /**
   * Waits for a place. `moved` is told the position in the queue, from 1, whenever it changes.
   * Rejects with UNAVAILABLE when the queue is full or closed, and with the signal's reason when it aborts.
   */
  enter(signal: AbortSignal, moved: (position: number) => void): Promise<Place> {
    if (this.#closed) return Promise.reject(shuttingDown());
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#running < this.limits.maxRunning) return Promise.resolve(this.#place());
    if (this.#waiting.length >= this.limits.maxQueued)
      return Promise.reject(queueFull(this.limits.maxQueued));
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { admit: settle(resolve), refuse: settle(reject), moved };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        this.#tellPositions();
        waiter.refuse(signal.reason);
      };
      function settle<T>(done: (value: T) => void): (value: T) => void {
        return (value) => {
          signal.removeEventListener("abort", leave);
          done(value);
        };
      }
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiter);
      moved(this.#waiting.length);
    });
  }

  /** Refuses whoever waits and whoever comes; running turns keep their places. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.refuse(shuttingDown());
  }

  #place(): Place {
    this.#running++;
    let left = false;
    return {
      leave: () => {
        if (left) return;
        left = true;
        this.#running--;
        this.#admitNext();
      },
    };
  }

  #admitNext(): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    next.admit(this.#place());
    this.#tellPositions();
  }

  #tellPositions(): void {
    for (const [index, waiter] of this.#waiting.entries()) waiter.moved(index + 1);
  }
}

function queueFull(size: number): GatewayError {
  return new GatewayError("UNAVAILABLE", `the queue is full (${size} turns wait); try again later`, {
    headers: { "retry-after": "5" },
  });
}

function shuttingDown(): GatewayError {
  return new GatewayError("UNAVAILABLE", "the gateway is shutting down", {
    headers: { "retry-after": "10" },
  });
}
