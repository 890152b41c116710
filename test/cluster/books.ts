import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "#schemas/index.js";
import type { Cluster } from "./cluster.js";
import type { Acknowledged, History } from "./load.js";

const USED = ["input", "output", "cache_read", "cache_write", "cost_nano", "estimated", "unpriced"];
export const NANO_PER_UNIT = 1_000_000;
/** Less than the steps of the clock. */
const CLOCK_STEP_MS = 3_600_000;
/** The number of examples that a finding names. */
const NAMED = 5;

/** What a run left in the books. */
export interface Verdict {
  readonly acknowledged: number;
  readonly completed: number;
  readonly lost: number;
  readonly otherwise: number;
  /** How often a node was buried. */
  readonly burials: number;
  /** One line for each rule that does not hold. */
  readonly broken: readonly string[];
}

/** Holds what clients were told, what the nodes did and what the ledger says against each other. To be called when all is quiet. */
export async function judge(cluster: Cluster, history: History): Promise<Verdict> {
  const turns = await cluster.query(
    `SELECT t.id, s.id AS session, t.key_id, t."end", t.cost_nano, t.parked, t.node, t.created_at::float8 AS arrived FROM turns t JOIN sessions s ON s.seq = t.session_seq`,
  );
  const broken = [
    ...history.wrong,
    ...odd(history.odd, cluster),
    ...unbooked(turns, history.acknowledged),
    ...open(turns),
    ...overlaps(cluster.dir),
    ...strangers(cluster.dir, turns),
    ...outOfOrder(cluster.dir, turns),
    ...(await unequalSums(cluster)),
    ...(await oldEpochs(cluster)),
    ...(await leftBehind(cluster)),
  ];
  const count = (wanted: (end: unknown) => boolean) => turns.filter((turn) => wanted(turn["end"])).length;
  return {
    acknowledged: history.acknowledged.length,
    completed: count((end) => end === "completed"),
    lost: count((end) => end === "lost"),
    otherwise: count((end) => end !== "completed" && end !== "lost"),
    burials: burialsOf(cluster),
    broken,
  };
}

export function burialsOf({ nodes }: Cluster): number {
  return nodes.reduce((all, { burials }) => all + burials, 0);
}

/** Every acknowledged turn is booked once, as completed, in its session, at its cost. */
function unbooked(
  turns: readonly Record<string, unknown>[],
  acknowledged: readonly Acknowledged[],
): string[] {
  const byId = new Map(turns.map((turn) => [turn["id"], turn]));
  const twice = new Map<string, string>();
  return acknowledged.flatMap(({ turn, session, tag, units, node, key }) => {
    const row = byId.get(turn);
    const what = `${tag}, turn ${turn} of ${session}, acknowledged by ${node}`;
    if (row === undefined) return [`${what}: not in the ledger`];
    const told = twice.get(turn);
    twice.set(turn, tag);
    if (told !== undefined && told !== tag) return [`${what}: also the answer of ${told}`];
    if (row["end"] !== "completed") return [`${what}: booked as ${row["end"]}`];
    if (row["session"] !== session || row["key_id"] !== key)
      return [`${what}: booked in ${row["session"]} of ${row["key_id"]}`];
    if (Number(row["cost_nano"]) !== units * NANO_PER_UNIT)
      return [`${what}: cost ${row["cost_nano"]}, not ${units} units`];
    return [];
  });
}

/** What goes wrong in a cluster is expected: 502, 503, or a turn that is lost, never a defect's status. */
function odd(answers: readonly string[], { nodes }: Cluster): string[] {
  if (answers.length === 0) return [];
  const lines = nodes.flatMap(({ output }) => output.split("\n"));
  const reasons = answers.map((answer) => {
    const id = /[0-9a-f-]{36}/.exec(answer)?.[0] ?? answer;
    const line = lines.find((one) => one.includes(id) && one.includes('"level":"error"')) ?? answer;
    return /"type":"[^"]*","message":"[^"]*"/.exec(line)?.[0] ?? line.slice(0, 400);
  });
  return [`${answers.length} answers have status 500: ${[...new Set(reasons)].slice(0, NAMED).join("; ")}`];
}

function open(turns: readonly Record<string, unknown>[]): string[] {
  const left = turns
    .filter((turn) => turn["end"] === null && turn["parked"] === null)
    .map(({ id }) => String(id));
  return left.length === 0 ? [] : [`${left.length} turns are open: ${left.slice(0, NAMED).join(", ")}`];
}

/** What the locks of the sessions found. */
function overlaps(dir: string): string[] {
  const found = journal(dir).filter(({ what }) => what === "overlap");
  const named = found.slice(0, NAMED).map(({ session, node }) => `${session} at ${node}`);
  return found.length === 0
    ? []
    : [`${found.length} turns overlapped one of their session: ${named.join(", ")}`];
}

/** A turn works at the node for which it is booked: only the owner of a session may begin one. */
function strangers(dir: string, turns: readonly Record<string, unknown>[]): string[] {
  const booked = new Map(turns.map(({ id, node }) => [id, node]));
  const found = journal(dir).filter(({ what, turn, node }) => {
    const owner = booked.get(turn) ?? null;
    return what === "began" && owner !== null && owner !== node;
  });
  const named = found.slice(0, NAMED).map(({ turn, node }) => `${turn} at ${node}`);
  return found.length === 0
    ? []
    : [`${found.length} turns worked at another node than their session's: ${named.join(", ")}`];
}

/**
 * Turns of a session work in the order in which they arrived at its owner, by the owner's wall clock, which faults move by
 * days. Not those that wait for a person meanwhile.
 */
function outOfOrder(dir: string, turns: readonly Record<string, unknown>[]): string[] {
  const arrivals = new Map(turns.map(({ id, arrived }) => [id, Number(arrived)]));
  const notes = journal(dir);
  const asked = new Set(notes.filter(({ what }) => what === "asked").map(({ turn }) => turn));
  const last = new Map<unknown, { readonly node: unknown; readonly arrived: number }>();
  const found = notes
    .filter(({ what, turn }) => what === "began" && !asked.has(turn))
    .filter(({ session, turn, node }) => {
      const arrived = arrivals.get(turn) ?? Number.POSITIVE_INFINITY;
      const before = last.get(session);
      last.set(session, { node, arrived });
      const ahead = before !== undefined && before.node === node ? before.arrived - arrived : 0;
      return ahead > 0 && ahead < CLOCK_STEP_MS;
    });
  const named = found.slice(0, NAMED).map(({ turn, node }) => `${turn} at ${node}`);
  return found.length === 0
    ? []
    : [`${found.length} turns worked before an earlier one: ${named.join(", ")}`];
}

/** What the nodes noted, in the order of time. */
export function journal(dir: string): readonly Record<string, unknown>[] {
  const files = readdirSync(dir).filter((name) => name.endsWith(".jsonl"));
  const lines = files.flatMap((name) => readFileSync(join(dir, name), "utf8").split("\n"));
  const notes = lines.filter((line) => line !== "").map((line): unknown => JSON.parse(line));
  return notes
    .flatMap((note) => (isObject(note) ? [note] : []))
    .sort((a, b) => Number(a["at"]) - Number(b["at"]));
}

/** Money and tokens are the same by turns, sessions, models and totals, for each key. */
async function unequalSums(cluster: Cluster): Promise<string[]> {
  const columns = USED.map((column) => `coalesce(sum(t.${column}), 0)::bigint AS ${column}`).join(", ");
  const sums = async (from: string, key: string) => {
    const rows = await cluster.query(`SELECT ${key} AS key, ${columns} FROM ${from} GROUP BY 1 ORDER BY 1`);
    return JSON.stringify(rows.filter((row) => USED.some((column) => Number(row[column]) !== 0)));
  };
  const turns = await sums("turns t", "t.key_id");
  const others = {
    sessions: await sums("sessions t", "t.key_id"),
    models: await sums("session_models t JOIN sessions s ON s.seq = t.session_seq", "s.key_id"),
    "totals of days": await sums("(SELECT * FROM totals WHERE grain = 'day') t", "t.key_id"),
  };
  const perSession = await cluster.query(
    `SELECT s.id FROM sessions s LEFT JOIN turns t ON t.session_seq = s.seq GROUP BY s.seq, s.id, s.cost_nano, s.input
     HAVING s.cost_nano <> coalesce(sum(t.cost_nano), 0) OR s.input <> coalesce(sum(t.input), 0)`,
  );
  const differing = Object.entries(others).filter(([, sum]) => sum !== turns);
  return [
    ...differing.map(([name, sum]) => `the sums of ${name} are ${sum}, of turns ${turns}`),
    ...(perSession.length === 0 ? [] : [`${perSession.length} sessions have another sum than their turns`]),
  ];
}

/**
 * The epochs of a session's turns, and of the lines of its conversation, never fall in the order in which they were written.
 * A turn that was parked is written again, by the node at which it goes on.
 */
async function oldEpochs(cluster: Cluster): Promise<string[]> {
  const falls = async (table: string, session: string, of = "true") => {
    const before = `lag(epoch) OVER (PARTITION BY ${session} ORDER BY seq)`;
    const rows = await cluster.query(
      `SELECT * FROM (SELECT seq, ${session} AS session, epoch, ${before} AS before FROM ${table} x WHERE ${of}) t WHERE epoch < before`,
    );
    const examples = rows
      .slice(0, NAMED)
      .map(({ seq, epoch, before }) => `${seq} (${epoch} after ${before})`);
    return rows.length === 0
      ? []
      : [`${rows.length} rows of ${table} were written under an old epoch: ${examples.join(", ")}`];
  };
  const neverParked = "NOT EXISTS (SELECT 1 FROM approvals a WHERE a.turn_id = x.id)";
  return [
    ...(await falls("turns", "session_seq", neverParked)),
    ...(await falls("transcripts", "conversation")),
  ];
}

/** No process of a start that is over is alive, wherever it ran. */
async function leftBehind(cluster: Cluster): Promise<string[]> {
  const left = await Promise.all(
    cluster.nodes.filter(({ runs }) => !runs).map(async (node) => ({ node, pids: await node.children() })),
  );
  return left.flatMap(({ node, pids }) =>
    pids.length === 0 ? [] : [`${node.name} left ${pids.length} processes`],
  );
}
