/** Wrong keys that cost nothing but the mistake. */
const FREE_FAILURES = 3;
const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 60_000;
/** After so long without another one, failures are forgotten. */
const FORGOTTEN_MS = 15 * 60_000;
const MAX_ADDRESSES = 10_000;

interface Failures {
  readonly count: number;
  readonly at: number;
}

/** Slows down whoever sends wrong keys, address by address: after three, 1 s, 2 s, 4 s … a minute between attempts. */
export class LoginThrottle {
  readonly #failures = new Map<string, Failures>();

  constructor(private readonly now: () => number = Date.now) {}

  /** Milliseconds until this address may try again; 0: it may now. */
  waitMs(address: string): number {
    const failures = this.#recent(address);
    if (failures === undefined || failures.count < FREE_FAILURES) return 0;
    const wait = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures.count - FREE_FAILURES));
    return Math.max(0, failures.at + wait - this.now());
  }

  failed(address: string): void {
    const count = (this.#recent(address)?.count ?? 0) + 1;
    // The latest goes to the end, so that the first in the map is the one to forget.
    this.#failures.delete(address);
    this.#failures.set(address, { count, at: this.now() });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > MAX_ADDRESSES && oldest !== undefined) this.#failures.delete(oldest);
  }

  succeeded(address: string): void {
    this.#failures.delete(address);
  }

  #recent(address: string): Failures | undefined {
    const failures = this.#failures.get(address);
    return failures !== undefined && this.now() - failures.at < FORGOTTEN_MS ? failures : undefined;
  }
}
