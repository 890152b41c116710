import type { Tokens } from "@claudeway/schemas";
import type { TurnUsage } from "../turns/types.js";
import type { ModelTotals, SessionTotals, TotalsByModel } from "./engine.js";

/*
 * The CLI reports cumulative totals: per process, and over a resume they go on from what the last process that ended
 * cleanly had saved, or from nothing. The totals alone therefore don't say what a turn cost; together with the usage
 * that was seen in the turn's own stream they do.
 */

export const NO_TOTALS: TotalsByModel = Object.freeze({});
const NOTHING: ModelTotals = Object.freeze({ input: 0, output: 0, cacheRead: 0, cacheWrite: 0, costUsd: 0 });
const COUNTS = ["input", "output", "cacheRead", "cacheWrite"] as const;

/** The `usage` of a Messages API response, as far as it was delivered. */
export interface MessageUsage {
  readonly input_tokens?: number | null;
  readonly output_tokens?: number | null;
  readonly cache_read_input_tokens?: number | null;
  readonly cache_creation_input_tokens?: number | null;
}

/** Adds up the usage of one turn's messages as their stream tells it, subagents' messages too. */
export class DeliveredUsage {
  readonly #messages = new Map<string, { readonly model: string; readonly usage: ModelTotals }>();

  /** Takes a message's usage; a later one of the same message replaces the counts that it names. */
  note(messageId: string, model: string, usage: MessageUsage): void {
    const before = this.#messages.get(messageId)?.usage ?? NOTHING;
    this.#messages.set(messageId, {
      model,
      usage: {
        input: usage.input_tokens ?? before.input,
        output: Math.max(usage.output_tokens ?? 0, before.output),
        cacheRead: usage.cache_read_input_tokens ?? before.cacheRead,
        cacheWrite: usage.cache_creation_input_tokens ?? before.cacheWrite,
        costUsd: 0,
      },
    });
  }

  totals(): TotalsByModel {
    const totals: Record<string, ModelTotals> = {};
    for (const { model, usage } of this.#messages.values()) {
      totals[model] = combine(totals[model] ?? NOTHING, usage, 1);
    }
    return totals;
  }
}

/** What is known of where the CLI's totals start. */
export interface TotalsBase {
  /** What this very process reported before; undefined on its first turn. */
  readonly inProcess: TotalsByModel | undefined;
  /** What the session's earlier processes left; undefined for a new conversation. */
  readonly session: SessionTotals | undefined;
}

/**
 * What one turn used, from the totals after it. Returns the base that the totals started from too: the CLI falls back
 * on it when this process gets killed.
 */
export function settle(
  now: TotalsByModel,
  base: TotalsBase,
  delivered: TotalsByModel,
): { readonly used: TotalsByModel; readonly base: TotalsByModel } {
  const candidates = basesInOrder(base);
  const fitting = candidates.find((candidate) => covers(subtract(now, candidate), delivered));
  const chosen =
    fitting ?? candidates.find((candidate) => covers(subtract(now, candidate), NO_TOTALS)) ?? NO_TOTALS;
  return { used: subtract(now, chosen), base: chosen };
}

/** The likeliest base first. A `/clear` sets the totals back within a process, so nothing is always the last one. */
function basesInOrder({ inProcess, session }: TotalsBase): readonly TotalsByModel[] {
  if (inProcess !== undefined) return [inProcess, NO_TOTALS];
  if (session === undefined) return [NO_TOTALS];
  const { reported, saved } = session;
  return session.ended === "killed" ? [saved, NO_TOTALS, reported] : [reported, saved, NO_TOTALS];
}

/** Whether every count of `delivered`, over all models, is in `used`, and nothing in `used` is negative. */
function covers(used: TotalsByModel, delivered: TotalsByModel): boolean {
  const rows = Object.values(used);
  if (rows.some((row) => COUNTS.some((count) => row[count] < 0) || row.costUsd < -1e-9)) return false;
  const seen = sumOf(delivered);
  const sum = sumOf(used);
  return COUNTS.every((count) => sum[count] >= seen[count]);
}

function subtract(from: TotalsByModel, what: TotalsByModel): TotalsByModel {
  const difference: Record<string, ModelTotals> = {};
  for (const model of new Set([...Object.keys(from), ...Object.keys(what)])) {
    const row = combine(from[model] ?? NOTHING, what[model] ?? NOTHING, -1);
    if (COUNTS.some((count) => row[count] !== 0) || Math.abs(row.costUsd) > 1e-12) difference[model] = row;
  }
  return difference;
}

function combine(a: ModelTotals, b: ModelTotals, sign: 1 | -1): ModelTotals {
  return {
    input: a.input + sign * b.input,
    output: a.output + sign * b.output,
    cacheRead: a.cacheRead + sign * b.cacheRead,
    cacheWrite: a.cacheWrite + sign * b.cacheWrite,
    costUsd: a.costUsd + sign * b.costUsd,
  };
}

export function sumOf(totals: TotalsByModel): ModelTotals {
  return Object.values(totals).reduce((sum, row) => combine(sum, row, 1), NOTHING);
}

/** The usage of a turn that reported, in the gateway's own shape. */
export function reportedUsage(used: TotalsByModel): TurnUsage {
  return toUsage(used, false);
}

/** The usage of a turn that never reported: what was delivered; the ledger puts a learned price on it. */
export function estimatedUsage(delivered: TotalsByModel): TurnUsage {
  return toUsage(delivered, true);
}

function toUsage(totals: TotalsByModel, estimated: boolean): TurnUsage {
  const sum = sumOf(totals);
  const byModel = Object.fromEntries(
    Object.entries(totals).map(([model, row]) => [
      model,
      { tokens: tokensOf(row), costUsd: estimated ? null : roundUsd(row.costUsd) },
    ]),
  );
  return { tokens: tokensOf(sum), costUsd: estimated ? null : roundUsd(sum.costUsd), estimated, byModel };
}

function tokensOf(row: ModelTotals): Tokens {
  return { input: row.input, output: row.output, cache_read: row.cacheRead, cache_write: row.cacheWrite };
}

/** Differences of sums carry float noise; a ten-billionth of a dollar is below any token's price. */
function roundUsd(usd: number): number {
  return Math.round(usd * 1e10) / 1e10;
}

/** The usage of a turn that never reached the CLI. */
export const NO_USAGE: TurnUsage = Object.freeze(reportedUsage(NO_TOTALS));
