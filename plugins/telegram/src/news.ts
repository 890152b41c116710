import type {
  Approval,
  BudgetWarning,
  CompletedRequest,
  SessionInfo,
  TurnInfo,
  TurnOutcome,
} from "@claudeway/core";
import type { News } from "./feed.js";
import type { Say, TextKey } from "./texts.js";

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
  const facts = [turn.keyId, outcome.model, `${(outcome.durationMs / 1000).toFixed(1)} s`, cost(outcome)];
  if (end === "completed" && response.success) {
    return { kind: "requests", title: `✅ ${say("newsFinished")}`, facts };
  }
  const title = `❌ ${say(end === "completed" ? "newsFailed" : ENDS[end])}`;
  return { kind: "failures", title, facts, ...(response.error === null ? {} : { detail: response.error }) };
}

/** A parked turn. */
export function parkedNews(turn: TurnInfo, say: Say): News {
  return { kind: "approvals", title: `⏸ ${say("newsParked")}`, facts: [turn.keyId, turn.sessionId] };
}

export function expiredNews({ keyId, tool, sessionId }: Approval, say: Say): News {
  return { kind: "approvals", title: `⌛ ${say("newsExpired")}`, facts: [tool, keyId, sessionId] };
}

export function sessionNews(
  { keyId, model, id }: SessionInfo,
  what: "newsStarted" | "newsDeleted",
  say: Say,
): News {
  return {
    kind: "sessions",
    title: `${what === "newsStarted" ? "🆕" : "🗑"} ${say(what)}`,
    facts: [keyId, model, id],
  };
}

/** A share of a budget is used up. */
export function budgetNews(warning: BudgetWarning, say: Say): News {
  const { budget, subject, window, limitUsd, spentUsd, share, resetsAt } = warning;
  const spent = `$${spentUsd.toFixed(2)} / $${limitUsd.toFixed(2)}`;
  return {
    kind: "budgets",
    title: `💸 ${say("newsBudget", { percent: Math.round(share * 100) })}`,
    facts: [budget, subject, window, spent, ...(resetsAt === undefined ? [] : [`↻ ${resetsAt}`])],
  };
}

/** Undefined if the request succeeded, or if its turn is reported. */
export function requestNews(
  { status, method, path, keyId, id }: CompletedRequest,
  say: Say,
): News | undefined {
  if (status !== 500) return undefined;
  const facts = [String(status), keyId ?? "–", id];
  return { kind: "failures", title: `🔥 ${say("newsBroken")}`, facts, detail: `${method} ${path}` };
}

function cost({ usage }: TurnOutcome): string {
  return usage.costUsd === null ? "$?" : `${usage.estimated ? "~" : ""}$${usage.costUsd.toFixed(4)}`;
}
