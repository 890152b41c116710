/** What has a place, or waits for one. */
export interface Entry {
  readonly keyId: string;
  /** What at most one of the key may have at once, such as a repository: further ones wait without a place. */
  readonly alone?: string;
}

interface Waiter extends Entry {
  readonly admit: () => void;
}

/** How many may wait, of all keys and of one. */
const MAX_WAITING = 400;
const MAX_WAITING_PER_KEY = 50;

/**
 * Lets a limited number in at once, and a limited number wait. One key has at most half of the places. Keys are served
 * round-robin; within a key, the order is that of arrival.
 */
export class Turnstile {
  readonly #inside = new Set<Entry>();
  #waiting: Waiter[] = [];

  constructor(private readonly places: number) {}

  /** Resolves to a function that gives the place back; to undefined if too many wait, or the signal aborts before. */
  enter(entry: Entry, signal: AbortSignal): Promise<(() => void) | undefined> {
    if (signal.aborted || (!this.#hasRoomFor(entry) && this.#isFull(entry)))
      return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        ...entry,
        admit: () => {
          signal.removeEventListener("abort", giveUp);
          resolve(() => this.#leave(waiter));
        },
      };
      const giveUp = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        resolve(undefined);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#waiting.push(waiter);
      this.#admit();
    });
  }

  #leave(waiter: Waiter): void {
    this.#inside.delete(waiter);
    this.#admit();
  }

  /** A key that was served goes behind the others. */
  #admit(): void {
    const next = this.#waiting.find((waiter) => this.#hasRoomFor(waiter));
    if (next === undefined) return;
    const isOwn = ({ keyId }: Entry) => keyId === next.keyId;
    const rest = this.#waiting.filter((waiter) => waiter !== next);
    this.#waiting = [...rest.filter((waiter) => !isOwn(waiter)), ...rest.filter(isOwn)];
    this.#inside.add(next);
    next.admit();
    this.#admit();
  }

  #hasRoomFor({ keyId, alone }: Entry): boolean {
    const own = [...this.#inside].filter((one) => one.keyId === keyId);
    if (alone !== undefined && own.some((one) => one.alone === alone)) return false;
    return this.#inside.size < this.places && own.length < Math.max(1, Math.floor(this.places / 2));
  }

  #isFull({ keyId }: Entry): boolean {
    const own = this.#waiting.filter((waiter) => waiter.keyId === keyId);
    return this.#waiting.length >= MAX_WAITING || own.length >= MAX_WAITING_PER_KEY;
  }
}
