import { type AuditPosition, type LedgerView, Refusal } from "@claudeway/core";
import { IN_LEDGER, LogReader } from "./entries.js";
import { LedgerSource } from "./ledger-source.js";
import { merge, type ReadBudget } from "./merge.js";
import { fromCursor, type LogPage, toCursor } from "./page.js";
import type { LogQuery } from "./search.js";

/** Bytes of lines that one request examines; another one continues where it stopped. */
const BUDGET_BYTES = 4 * 1024 * 1024;
const BATCH = 500;

/** Lines of turns and approvals of all gateways, from the ledger. `cursor`: the `before` of an earlier page. */
export async function logsOfLedger(
  ledger: Pick<LedgerView, "auditLines" | "byKey">,
  { keyId, limit, ...filter }: Omit<LogQuery, "before">,
  cursor: string | undefined,
): Promise<LogPage> {
  const folders = (await ledger.byKey()).map((key) => key.keyId);
  const range = rangeOf(filter.date);
  const positions = cursor === undefined ? undefined : positionsIn(cursor);
  const kinds = IN_LEDGER.filter(
    (kind) =>
      (filter.kind === undefined || filter.kind === kind) && (positions === undefined || kind in positions),
  );
  const budget: ReadBudget = { left: BUDGET_BYTES };
  const reader = new LogReader(filter);
  const batch = Math.min(BATCH, limit);
  const sources = await Promise.all(
    kinds.map(async (kind) => {
      const query = { ...range, since: later(range.since, filter.after), keyId };
      const read = (before: AuditPosition | undefined, most: number) =>
        ledger.auditLines(kind, { ...query, before, limit: most });
      const source = await LedgerSource.open({ kind, read, reader, budget, batch }, positions?.[kind]);
      return [kind, source] as const;
    }),
  );
  const entries = await merge(
    sources.map(([, source]) => source),
    limit,
    budget,
  );
  const left = sources.flatMap(([kind, { isAtEnd, resume }]) =>
    isAtEnd ? [] : [[kind, resume === undefined ? "" : `${resume.at}.${resume.seq}`] as const],
  );
  return {
    entries,
    total: entries.length,
    read_bytes: BUDGET_BYTES - budget.left,
    before: left.length === 0 ? null : toCursor(Object.fromEntries(left)),
    folders,
  };
}

/** The range of a month or a day. Throws a `Refusal` where there is none, such as `2026-13`. */
function rangeOf(date: string): { since: string; until: string } {
  const since = new Date(date);
  if (Number.isNaN(since.getTime()))
    throw new Refusal(400, `date must be a month or a day that exists, got ${JSON.stringify(date)}`);
  const until = new Date(since);
  if (date.length === "2026-03".length) until.setUTCMonth(until.getUTCMonth() + 1);
  else until.setUTCDate(until.getUTCDate() + 1);
  return { since: since.toISOString(), until: until.toISOString() };
}

function later(one: string, other = ""): string {
  return one > other ? one : other;
}

/** By kind, after which line to continue; a kind without one has no more lines. */
function positionsIn(cursor: string): Readonly<Record<string, AuditPosition | undefined>> {
  const positions = Object.entries(fromCursor(cursor)).map(([kind, position]) => {
    const [, at, seq] = /^(\d{1,15})\.(\d{1,15})$/.exec(String(position)) ?? [];
    return [kind, at === undefined ? undefined : { at: Number(at), seq: Number(seq) }] as const;
  });
  return Object.fromEntries(positions);
}
