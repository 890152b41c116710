import { clientError, type GatewayError, type SharedGuesses } from "@claudeway/ports";

/** Failures before any delay. */
const FREE_FAILURES = 3;
const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 60_000;
/** Failures are forgotten after this time without another one. */
const FORGOTTEN_MS = 15 * 60_000;
const MAX_REMEMBERED = 10_000;
/** Concurrent attempts allowed per client: whether they fail is known only when they end. */
const MAX_AT_ONCE = 32;

interface Failures {
  readonly count: number;
  readonly at: number;
}

/** Slows down guessing, per route and address: after three failures, the delay is 1 s, 2 s, 4 s … up to a minute. */
export class GuessThrottle {
  readonly #failures = new Map<string, Failures>();
  readonly #underWay = new Map<string, number>();

  constructor(private readonly now: () => number = Date.now) {}

  /** Milliseconds until `who` may try again; 0 if now. */
  waitMs(who: string): number {
    const failures = this.#recent(who);
    if (failures === undefined) return 0;
    return Math.max(0, failures.at + waitAfter(failures.count) - this.now());
  }

  /** Throws TOO_MANY_REQUESTS while `who` has to wait. */
  check(who: string): void {
    const waitMs = this.waitMs(who);
    if (waitMs > 0) throw tooMany(Math.ceil(waitMs / 1000));
  }

  /**
   * Begins an attempt whose outcome is known later. Call the returned function at its end, with whether it failed.
   * Throws TOO_MANY_REQUESTS while `who` must wait, and for too many concurrent attempts: one at a time after three
   * failures.
   */
  begin(who: string): (failed: boolean) => void {
    this.check(who);
    const underWay = this.#underWay.get(who) ?? 0;
    const most = (this.#recent(who)?.count ?? 0) < FREE_FAILURES ? MAX_AT_ONCE : 1;
    if (underWay >= most) throw tooMany(1);
    this.#underWay.set(who, underWay + 1);
    return (failed) => {
      const left = (this.#underWay.get(who) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(who);
      else this.#underWay.set(who, left);
      if (failed) this.failed(who);
    };
  }

  failed(who: string): void {
    const count = (this.#recent(who)?.count ?? 0) + 1;
    // The latest is moved to the end, so that the first entry of the map is the oldest.
    this.#failures.delete(who);
    this.#failures.set(who, { count, at: this.now() });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > MAX_REMEMBERED && oldest !== undefined) this.#failures.delete(oldest);
  }

  succeeded(who: string): void {
    this.#failures.delete(who);
  }

  #recent(who: string): Failures | undefined {
    const failures = this.#failures.get(who);
    return failures !== undefined && this.now() - failures.at < FORGOTTEN_MS ? failures : undefined;
  }
}

function waitAfter(failures: number): number {
  if (failures < FREE_FAILURES) return 0;
  return Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - FREE_FAILURES));
}

/**
 * The same over all gateways of a cluster: an attempt has to be allowed by this gateway's own count, which also holds while
 * the shared one can't be read, and by the shared one.
 */
export class SharedThrottle {
  constructor(
    private readonly own: GuessThrottle,
    private readonly shared: SharedGuesses | undefined,
  ) {}

  /** See `GuessThrottle`. The outcome is counted when what the returned function returns has resolved. */
  async begin(who: string): Promise<(outcome: "failed" | "succeeded" | "neither") => Promise<void>> {
    const end = this.own.begin(who);
    const waitMs = (await this.shared?.enter(who, waitAfter)) ?? 0;
    if (waitMs > 0) {
      end(false);
      throw tooMany(Math.ceil(waitMs / 1000));
    }
    return async (outcome) => {
      end(outcome === "failed");
      if (outcome === "failed") await this.shared?.failed(who, waitAfter);
      if (outcome !== "succeeded") return;
      this.own.succeeded(who);
      await this.shared?.succeeded(who);
    };
  }
}

function tooMany(seconds: number): GatewayError {
  return clientError("TOO_MANY_REQUESTS", `too many refused attempts; try again in ${seconds} s`, {
    headers: { "retry-after": String(seconds) },
  });
}
