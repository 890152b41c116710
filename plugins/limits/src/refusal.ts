import { type QuotaState, Refusal } from "@claudeway/core";
import type { Limit, RateKind } from "./claims.js";

/** A turn of the key may end at any time. */
const RETRY_CONCURRENT_SECS = 5;

const WHAT: Readonly<Record<RateKind, string>> = {
  requests_per_minute: "requests a minute",
  turns_per_minute: "turns a minute",
  tokens_per_minute: "tokens a minute",
  concurrent_turns: "turns at once",
  queue_share: "turns that wait or run: its share of the queue",
};

/** The refusal that names the limit that is reached: 402 for a budget, 429 for a rate. */
export function refusalOf(full: readonly QuotaState[], limits: readonly Limit[], now = Date.now()): Refusal {
  for (const state of full) {
    const limit = limits.find(({ name, subject }) => name === state.name && subject === state.subject);
    if (limit !== undefined) return refusalFor(state, limit, now);
  }
  throw new Error("a counter is full that was not asked for");
}

function refusalFor(state: QuotaState, { of, limit, name, subject }: Limit, now: number): Refusal {
  const { used, reserved, resetsAt } = state;
  const details = { limit: name, subject, allowed: limit, used, reserved, resets_at: resetsAt ?? null };
  const again = resetsAt === undefined ? "" : `; it begins anew at ${resetsAt}`;
  if (typeof of !== "string") {
    const spent = `${usd(used)} USD spent and ${usd(reserved)} USD reserved of ${usd(limit)} USD`;
    const budget = `the budget ${of.name} of ${inWords(subject)}`;
    const reason =
      used < limit && reserved > 0
        ? `running turns have reserved what is left of ${budget}: ${spent}; try again when they have ended`
        : `${budget} is used up: ${spent}${again}`;
    return new Refusal(402, reason, { details });
  }
  const retryAfterSecs =
    resetsAt === undefined
      ? RETRY_CONCURRENT_SECS
      : Math.max(1, Math.ceil((Date.parse(resetsAt) - now) / 1000));
  return new Refusal(429, `${inWords(subject)} may have at most ${limit} ${WHAT[of]}${again}`, {
    retryAfterSecs,
    details,
  });
}

/** Whose counter it is, for the reader of an error. */
function inWords(subject: string): string {
  if (subject === "all") return "all its keys";
  return subject.startsWith("tag:") ? `the tag ${subject.slice("tag:".length)}` : "this key";
}

function usd(amount: number): string {
  return String(Number(amount.toFixed(6)));
}
