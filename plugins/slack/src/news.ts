import {
  type Approval,
  type BudgetWarning,
  type CompletedRequest,
  describeCall,
  type SessionInfo,
  type TurnInfo,
  type TurnOutcome,
} from "@claudeway/core";

/** Event kinds of a feed, as named in `events`. */
export type EventKind = "requests" | "sessions" | "failures" | "approvals" | "budgets";

/** An event. All texts are plain; the message escapes them. */
export interface News {
  readonly kind: EventKind;
  /** The key that caused it; null if none. */
  readonly keyId: string | null;
  readonly symbol: string;
  readonly title: string;
  /** Name and value, shortest first. */
  readonly facts: readonly (readonly [string, string])[];
  /** Shown verbatim, in its own block. */
  readonly detail?: string;
  /** Set for a pending decision. */
  readonly approvalId?: string;
}

const FAILED: Readonly<Record<Exclude<TurnOutcome["end"], "completed">, string>> = {
  failed: "Request failed",
  refused: "Request refused",
  interrupted: "Request interrupted",
  timeout: "Request timed out",
  lost: "Request lost in a crash",
};

/** A finished turn. */
export function turnNews(turn: TurnInfo, outcome: TurnOutcome): News {
  const { response, end } = outcome;
  const facts = [
    ["key", turn.keyId],
    ["model", outcome.model],
    ["time", seconds(outcome.durationMs)],
    ["cost", money(outcome)],
    ["tokens", `${response.tokens.input} in, ${response.tokens.output} out`],
    ["session", turn.sessionId],
  ] as const;
  if (end === "completed" && response.success) {
    return { kind: "requests", keyId: turn.keyId, symbol: "✅", title: "Request finished", facts };
  }
  const title = end === "completed" ? FAILED.failed : FAILED[end];
  const news = { kind: "failures", keyId: turn.keyId, symbol: "❌", title, facts } as const;
  return response.error === null ? news : { ...news, detail: response.error };
}

/** A parked turn. */
export function parkedNews({ keyId, sessionId }: TurnInfo): News {
  const facts = [
    ["key", keyId],
    ["session", sessionId],
  ] as const;
  return { kind: "approvals", keyId, symbol: "⏸", title: "Parked until a decision is made", facts };
}

export function sessionNews(session: SessionInfo, what: "started" | "deleted"): News {
  const { keyId, model, id, workdir } = session;
  const facts = [
    ["key", keyId],
    ["model", model],
    ["session", id],
    ["folder", workdir],
  ] as const;
  const symbol = what === "started" ? "🆕" : "🗑";
  return { kind: "sessions", keyId, symbol, title: `Session ${what}`, facts };
}

/** A share of a budget is used up. */
export function budgetNews(warning: BudgetWarning): News {
  const { budget, subject, window, limitUsd, spentUsd, share, resetsAt } = warning;
  const facts = [
    ["of", subject],
    ["budget", budget],
    ["window", window],
    ["spent", `$${spentUsd.toFixed(2)} of $${limitUsd.toFixed(2)}`],
    ...(resetsAt === undefined ? [] : [["resets", resetsAt] as const]),
  ] as const;
  const title = `${Math.round(share * 100)}% of a budget is used up`;
  return { kind: "budgets", keyId: /^key:(.+)$/.exec(subject)?.[1] ?? null, symbol: "💸", title, facts };
}

/** Undefined if the request succeeded, or if its turn is reported. */
export function requestNews(request: CompletedRequest): News | undefined {
  if (request.status !== 500) return undefined;
  const { method, path, status, id, keyId } = request;
  const facts = [
    ["status", String(status)],
    ["key", keyId ?? "none"],
    ["request", id],
  ] as const;
  return {
    kind: "failures",
    keyId,
    symbol: "🔥",
    title: "Internal error in a request (500)",
    facts,
    detail: `${method} ${path}`,
  };
}

export function askedNews(approval: Approval): News {
  const title = approval.kind === "question" ? "Claude asks" : `May Claude use ${approval.tool}?`;
  return {
    kind: "approvals",
    keyId: approval.keyId,
    symbol: "🔐",
    title,
    facts: approvalFacts(approval),
    detail: describeCall(approval),
    approvalId: approval.id,
  };
}

const SETTLED: Readonly<Record<Approval["status"], readonly [symbol: string, title: string]>> = {
  pending: ["🔐", "Still waiting"],
  allowed: ["👍", "Approved"],
  denied: ["👎", "Denied"],
  expired: ["⌛", "Expired without a decision"],
  withdrawn: ["↩", "Withdrawn: the turn continued without it"],
};

export function decidedNews(approval: Approval): News {
  const [symbol, title] = SETTLED[approval.status];
  const { by } = approval.decision ?? {};
  const who = by === undefined ? "" : ` by ${by.who} (${by.channel})`;
  return {
    kind: "approvals",
    keyId: approval.keyId,
    symbol,
    title: title + who,
    facts: [["tool", approval.tool], ...approvalFacts(approval)],
  };
}

function approvalFacts({ keyId, sessionId, expiresAt }: Approval): News["facts"] {
  return [
    ["key", keyId],
    ["until", expiresAt.replace("T", " ").replace(/\.\d+Z$/, " UTC")],
    ["session", sessionId],
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function money({ usage }: TurnOutcome): string {
  if (usage.costUsd === null) return "unknown";
  return `${usage.estimated ? "about " : ""}$${usage.costUsd.toFixed(4)}`;
}
