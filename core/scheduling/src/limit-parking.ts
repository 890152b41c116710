import { hash } from "node:crypto";
import type { Failure, LimitWait, ParkedLimit, SpawnPlan } from "@claudeway/ports";

/** What is to be done when the account has reached a usage limit. */
interface LimitWish {
  readonly on_limit: "fail" | "wait";
  /** 0: the default. */
  readonly max_wait_secs: number;
}

/** How long a turn waits for limits in all unless it is said how long, in ms. */
const DEFAULT_MAX_MS = 6 * 3600 * 1000;
/** What the CLI's names of weekly limits begin with. */
const WEEKLY = "seven_day";
/** The variables that say which account a CLI uses. */
const ACCOUNT = [
  "HOME",
  "CLAUDE_CONFIG_DIR",
  "CLAUDE_CODE_OAUTH_TOKEN",
  "ANTHROPIC_API_KEY",
  "ANTHROPIC_AUTH_TOKEN",
  "ANTHROPIC_BASE_URL",
];

/** What a request and the configuration say of a usage limit; undefined: the turn fails. */
export function limitWaitOf(
  request: { readonly [Field in keyof LimitWish]?: LimitWish[Field] | undefined },
  engine: LimitWish,
): LimitWait | undefined {
  if ((request.on_limit ?? engine.on_limit) === "fail") return undefined;
  const secs = request.max_wait_secs ?? engine.max_wait_secs;
  return secs === 0 ? { maxMs: DEFAULT_MAX_MS, weekly: false } : { maxMs: secs * 1000, weekly: true };
}

/** What is stored of a turn that parks for a limit; undefined if it must not wait for this one. */
export function toWaitFor(
  failure: Failure | undefined,
  wait: LimitWait | undefined,
  env: SpawnPlan["env"],
  before: ParkedLimit | undefined,
): ParkedLimit | undefined {
  if (wait === undefined || failure?.code !== "USAGE_LIMIT" || failure.resetsAt === undefined)
    return undefined;
  const { resetsAt, limit: name } = failure;
  if (name?.startsWith(WEEKLY) === true && !wait.weekly) return undefined;
  const since = before?.since ?? new Date().toISOString();
  if (Date.parse(resetsAt) - Date.parse(since) > wait.maxMs) return undefined;
  return { resetsAt, since, account: accountOf(env), times: (before?.times ?? 0) + 1 };
}

/** Tells accounts apart, without the secrets that they are known by. */
function accountOf(env: SpawnPlan["env"]): string {
  const known = JSON.stringify(ACCOUNT.map((name) => env[name] ?? null));
  return hash("sha256", known).slice(0, 16);
}
