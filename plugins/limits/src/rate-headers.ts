import type { QuotaState, RequestInfo } from "@claudeway/core";
import type { Limit } from "./claims.js";

/** What the headers tell of: the limits of these kinds. */
const KINDS = { requests: "requests_per_minute", tokens: "tokens_per_minute" } as const;

interface Left {
  readonly limit: number;
  readonly remaining: number;
  readonly resetsAt: string | undefined;
}

/**
 * Says in headers of the response what is left of the tightest limits on requests and tokens: `x-ratelimit-*` as the OpenAI
 * API, where a reset is a duration; below `/v1` also `anthropic-ratelimit-*` as the Anthropic API, where it is a time.
 */
export function setRateHeaders(
  { path, setHeader }: Pick<RequestInfo, "path" | "setHeader">,
  limits: readonly Limit[],
  states: readonly QuotaState[],
  now = Date.now(),
): void {
  for (const [what, kind] of Object.entries(KINDS)) {
    const left = tightest(limits, states, kind);
    if (left === undefined) continue;
    const { limit, remaining, resetsAt } = left;
    setHeader(`x-ratelimit-limit-${what}`, String(limit));
    setHeader(`x-ratelimit-remaining-${what}`, String(remaining));
    if (resetsAt !== undefined) setHeader(`x-ratelimit-reset-${what}`, durationUntil(resetsAt, now));
    if (!path.startsWith("/v1/")) continue;
    setHeader(`anthropic-ratelimit-${what}-limit`, String(limit));
    setHeader(`anthropic-ratelimit-${what}-remaining`, String(remaining));
    if (resetsAt !== undefined) setHeader(`anthropic-ratelimit-${what}-reset`, resetsAt);
  }
}

function tightest(limits: readonly Limit[], states: readonly QuotaState[], kind: string): Left | undefined {
  const left = limits.flatMap(({ of, name, subject, limit }) => {
    const state = states.find((one) => one.name === name && one.subject === subject);
    if (of !== kind || state === undefined) return [];
    const remaining = Math.max(0, limit - state.used - state.reserved);
    return [{ limit, remaining, resetsAt: state.resetsAt }];
  });
  return left.sort((one, other) => one.remaining - other.remaining)[0];
}

/** Such as `1m0s` or `59s`. */
function durationUntil(time: string, now: number): string {
  const secs = Math.max(0, Math.ceil((Date.parse(time) - now) / 1000));
  return secs < 60 ? `${secs}s` : `${Math.floor(secs / 60)}m${secs % 60}s`;
}
