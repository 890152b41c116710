import type { Failure } from "@claudeway/ports";

/** What makes a turn continue with another account. */
const CODES: ReadonlySet<string> = new Set(["USAGE_LIMIT", "RATE_LIMITED", "OVERLOADED", "API_UNREACHABLE"]);
/** How long an account is avoided if nothing says when its limit is lifted, in ms: of one that pays by use, and others. */
const SPENT_MS = 15 * 60_000;
const BUSY_MS = 60_000;
/** The longest limits are those of a week. A later time is wrong, and the key would be without the account. */
const MAX_LIMIT_MS = 8 * 24 * 60 * 60_000;

/** An account that a turn uses. */
export interface AccountChoice {
  readonly name: string;
  /** Whether another account of the key has no limit now. */
  readonly replaceable: boolean;
}

/**
 * Which accounts have reached a limit, and which one a turn uses. Each key finds that out for itself: tools can speak for their
 * CLI, and would take an account away from other keys.
 */
export class AccountLimits {
  /** When each key can use them again, in ms since 1970. */
  readonly #until = new Map<string, Map<string, number>>();

  /** @param accountsOf the accounts of a key, in order; without a key, those of all keys */
  constructor(
    private readonly accountsOf: (keyId: string | undefined) => readonly string[],
    private readonly now: () => number = Date.now,
  ) {}

  /** Whether another account may answer where this failure ended a turn. */
  static isLimit(failure: Failure | undefined): failure is Failure {
    return failure !== undefined && CODES.has(failure.code);
  }

  /** Notes that an account could not answer a key. */
  note(keyId: string, name: string, { code, resetsAt }: Failure): void {
    const lifted = resetsAt === undefined ? Number.NaN : Date.parse(resetsAt);
    const wait = code === "USAGE_LIMIT" ? SPENT_MS : BUSY_MS;
    const until = Number.isNaN(lifted) ? this.now() + wait : lifted;
    const ofKey = this.#until.get(keyId) ?? new Map<string, number>();
    this.#until.set(keyId, ofKey.set(name, Math.min(until, this.now() + MAX_LIMIT_MS)));
  }

  /**
   * The first account of a key without a limit, or the one whose limit is lifted first. Undefined if the key has none, or
   * all without a limit are in `tried`.
   *
   * @param tried the accounts that have failed in this turn
   */
  choose(keyId: string | undefined, tried: readonly string[] = []): AccountChoice | undefined {
    const names = this.accountsOf(keyId);
    const untilOf = (name: string) => (keyId === undefined ? 0 : (this.#until.get(keyId)?.get(name) ?? 0));
    const free = names.filter((name) => !tried.includes(name) && untilOf(name) <= this.now());
    const [first] = free;
    if (first !== undefined) return { name: first, replaceable: free.length > 1 };
    if (tried.length > 0) return undefined;
    const [soonest] = [...names].sort((one, other) => untilOf(one) - untilOf(other));
    return soonest === undefined ? undefined : { name: soonest, replaceable: false };
  }
}
