import type { Logger } from "pino";

/** The longest delay that Node's timers support, in ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Delay before the next try after a ledger failure, in ms. */
const RETRY_MS = 5000;

export interface ExpiryParts {
  /** In how many ms the next pending request expires. */
  readonly next: () => Promise<number | undefined>;
  /** Expires all requests that are due. */
  readonly expire: () => Promise<void>;
  /** The longest interval between looks, where other gateways add requests too; undefined: no other does. */
  readonly everyMs?: number | undefined;
  readonly log: Logger;
}

/** Keeps one timer, for the request that expires soonest. */
export class Expiry {
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(private readonly parts: ExpiryParts) {}

  /** Resets the timer. To be called for every new request. */
  async schedule(): Promise<void> {
    const ms = await this.parts.next();
    clearTimeout(this.#timer);
    const { everyMs = ms } = this.parts;
    if (everyMs !== undefined) this.#arm(Math.min(everyMs, ms ?? everyMs));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#fire(), Math.min(Math.max(ms, 1), MAX_TIMER_MS));
    // A request that waits for days must not keep the process alive.
    this.#timer.unref();
  }

  async #fire(): Promise<void> {
    try {
      await this.parts.expire();
      await this.schedule();
    } catch (error) {
      this.parts.log.error({ err: error }, "due approval requests could not be expired; trying again");
      this.#arm(RETRY_MS);
    }
  }
}
