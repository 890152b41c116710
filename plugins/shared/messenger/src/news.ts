import {
  type Approval,
  type BudgetWarning,
  type CompletedRequest,
  describeCall,
  type SessionInfo,
  type TurnInfo,
  type TurnOutcome,
} from "@claudeway/core";
import type { Say, TextKey } from "./texts.js";

/** Event kinds of a feed, as named in `events`. */
export type EventKind = "requests" | "sessions" | "failures" | "approvals" | "budgets";

/** An event. All texts are plain; the message escapes them. */
export interface News {
  readonly kind: EventKind;
  /** The key that caused it; null if none. */
  readonly keyId: string | null;
  readonly symbol: string;
  readonly title: string;
  /** Name and value, the most important first. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** Shown verbatim, in its own block. */
  readonly detail?: string;
  /** A line above that block. */
  readonly where?: string | undefined;
  /** Set for a pending decision. */
  readonly approvalId?: string;
}

const ENDS: Readonly<Record<TurnOutcome["end"], TextKey>> = {
  completed: "newsFinished",
  failed: "newsFailed",
  refused: "newsRefused",
  interrupted: "newsInterrupted",
  timeout: "newsTimeout",
  lost: "newsLost",
};

/** A finished turn. */
export function turnNews(turn: TurnInfo, outcome: TurnOutcome, say: Say): News {
  const { response, end } = outcome;
  const { keyId } = turn;
  const facts = [
    ["key", keyId],
    ["model", outcome.model],
    ["time", `${(outcome.durationMs / 1000).toFixed(1)} s`],
    ["cost", cost(outcome)],
    ["tokens", `${response.tokens.input} in, ${response.tokens.output} out`],
    ["session", turn.sessionId],
  ] as const;
  if (end === "completed" && response.success)
    return { kind: "requests", keyId, symbol: "✅", title: say("newsFinished"), facts };
  const title = say(end === "completed" ? "newsFailed" : ENDS[end]);
  const news = { kind: "failures", keyId, symbol: "❌", title, facts } as const;
  return response.error === null ? news : { ...news, detail: response.error };
}

/** A parked turn. */
export function parkedNews({ keyId, sessionId }: TurnInfo, say: Say): News {
  const facts = [
    ["key", keyId],
    ["session", sessionId],
  ] as const;
  return { kind: "approvals", keyId, symbol: "⏸", title: say("newsParked"), facts };
}

export function sessionNews(session: SessionInfo, what: "newsStarted" | "newsDeleted", say: Say): News {
  const { keyId, model, id, workdir } = session;
  const facts = [
    ["key", keyId],
    ["model", model],
    ["session", id],
    ["folder", workdir],
  ] as const;
  return { kind: "sessions", keyId, symbol: what === "newsStarted" ? "🆕" : "🗑", title: say(what), facts };
}

/** A share of a budget is used up. */
export function budgetNews(warning: BudgetWarning, say: Say): News {
  const { budget, subject, window, limitUsd, spentUsd, share, resetsAt } = warning;
  const facts = [
    ["of", subject],
    ["budget", budget],
    ["window", window],
    ["spent", `$${spentUsd.toFixed(2)} of $${limitUsd.toFixed(2)}`],
    ...(resetsAt === undefined ? [] : [["resets", resetsAt] as const]),
  ] as const;
  const title = say("newsBudget", { percent: Math.round(share * 100) });
  return { kind: "budgets", keyId: /^key:(.+)$/.exec(subject)?.[1] ?? null, symbol: "💸", title, facts };
}

/** Undefined if the request succeeded, or if its turn is reported. */
export function requestNews(request: CompletedRequest, say: Say): News | undefined {
  if (request.status !== 500) return undefined;
  const { method, path, status, id, keyId } = request;
  const facts = [
    ["status", String(status)],
    ["key", keyId ?? "–"],
    ["request", id],
  ] as const;
  const title = say("newsBroken");
  return { kind: "failures", keyId, symbol: "🔥", title, facts, detail: `${method} ${path}` };
}

/** A call or a question waits for a person. */
export function askedNews(approval: Approval, say: Say): News {
  return {
    kind: "approvals",
    keyId: approval.keyId,
    symbol: "🔐",
    title: approval.kind === "question" ? say("asks") : say("mayUse", { tool: approval.tool }),
    facts: approvalFacts(approval),
    detail: describeCall(approval),
    where: whereOf(approval),
    approvalId: approval.id,
  };
}

/** A decision, an expiry or a withdrawal. */
export function decidedNews(approval: Approval, say: Say): News {
  const [symbol = "", ...verdict] = verdictOf(approval, say).split(" ");
  const title = approval.status === "expired" ? say("newsExpired") : verdict.join(" ");
  const facts = [["tool", approval.tool], ...approvalFacts(approval)] as const;
  return { kind: "approvals", keyId: approval.keyId, symbol, title, facts };
}

/** How an approval ended, and by whom, after a symbol. */
export function verdictOf({ status, decision, kind }: Approval, say: Say, channel?: string): string {
  if (status === "expired") return `⌛ ${say("expired")}`;
  if (status === "withdrawn" || decision === undefined) return `↩ ${say("withdrawn")}`;
  const { by } = decision;
  const who = by.channel === channel || by.channel === by.who ? by.who : `${by.who} (${by.channel})`;
  if (status === "denied") return `❌ ${say("deniedBy", { who })}`;
  if (kind === "question") return `✅ ${say("answeredBy", { who })}`;
  return `✅ ${say(decision.scope === "session" ? "approvedSessionBy" : "approvedBy", { who })}`;
}

/** Who decided, if it was in this channel: only there it is a name of the messenger. */
export function deciderIn(channel: string, { decision }: Pick<Approval, "decision">): string | undefined {
  return decision?.by.channel === channel ? decision.by.who : undefined;
}

/** Names the shell's directory if it differs: the same command does something else in another directory. */
export function whereOf({ kind, workdir, cwd = workdir }: Approval): string | undefined {
  return kind === "question" || cwd === workdir ? undefined : `in ${cwd}:`;
}

function approvalFacts({ keyId, sessionId, expiresAt }: Approval): News["facts"] {
  return [
    ["key", keyId],
    ["until", expiresAt.replace("T", " ").replace(/\.\d+Z$/, " UTC")],
    ["session", sessionId],
  ];
}

function cost({ usage }: TurnOutcome): string {
  return usage.costUsd === null ? "$?" : `${usage.estimated ? "~" : ""}$${usage.costUsd.toFixed(4)}`;
}
