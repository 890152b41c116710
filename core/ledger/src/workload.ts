import type { Instant, NodeWorkload } from "@claudeway/ports";
import { integer, text, toMs } from "./rows.js";
import type { Sql, SqlValue, Work } from "./sql.js";
import { seqAfter } from "./turn-search.js";

/** How many turns are examined for takeovers. */
const MAX_EXAMINED = 100_000;

const COUNTS = {
  sessions: "SELECT owner AS node, count(*) AS n FROM sessions WHERE owner IS NOT NULL GROUP BY owner",
  waiting: `SELECT t.node, count(*) AS n FROM approvals a JOIN turns t ON t.id = a.turn_id
    WHERE a.status = 'pending' AND t.node IS NOT NULL AND t."end" IS NULL AND t.parked IS NULL GROUP BY t.node`,
  parked: "SELECT node, count(*) AS n FROM turns WHERE parked IS NOT NULL AND node IS NOT NULL GROUP BY node",
  takenOver: `SELECT node, count(*) AS n FROM (
      SELECT node, lag(node) OVER (PARTITION BY session_seq ORDER BY seq) AS earlier FROM turns WHERE seq >= ?
    ) AS followed WHERE node <> earlier GROUP BY node`,
} as const satisfies Readonly<Record<keyof Omit<NodeWorkload, "node">, string>>;

/** What each node has to do, and what it took over. */
export function* workloadOf(sql: Sql, since: Instant): Work<NodeWorkload[]> {
  const first = yield* firstSeq(sql, since);
  const sessions = yield* count(sql, COUNTS.sessions);
  const waiting = yield* count(sql, COUNTS.waiting);
  const parked = yield* count(sql, COUNTS.parked);
  const takenOver = yield* count(sql, COUNTS.takenOver, first);
  const nodes = new Set([sessions, waiting, parked, takenOver].flatMap((counts) => [...counts.keys()]));
  return [...nodes].sort().map((node) => ({
    node,
    sessions: sessions.get(node) ?? 0,
    waiting: waiting.get(node) ?? 0,
    parked: parked.get(node) ?? 0,
    takenOver: takenOver.get(node) ?? 0,
  }));
}

function* firstSeq(sql: Sql, since: Instant): Work<number> {
  const latest = yield* sql.one("SELECT coalesce(max(seq), 0) AS seq FROM turns");
  const least = latest === undefined ? 1 : Math.max(1, integer(latest, "seq") - MAX_EXAMINED + 1);
  return yield* seqAfter(sql, toMs(since), least);
}

function* count(sql: Sql, statement: string, ...values: SqlValue[]): Work<ReadonlyMap<string, number>> {
  const rows = yield* sql.all(statement, ...values);
  return new Map(rows.map((row) => [text(row, "node"), integer(row, "n")]));
}
