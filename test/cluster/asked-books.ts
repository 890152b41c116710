import type { AskedHistory } from "./asking.js";
import { NANO_PER_UNIT } from "./books.js";
import type { Cluster } from "./cluster.js";

const STATUS = { allow: "allowed", deny: "denied" };
const NAMED = 5;

interface Asked {
  readonly approval: string;
  readonly status: string;
  readonly turn: string;
  readonly end: string | null;
  readonly nano: number;
  /** By the database's clock, in ms since 1970. */
  readonly settledAt: number | undefined;
  readonly expiresAt: number;
}

/** Calls that were asked: each decided once, as clients were told, and run at most once, and only if it was allowed. */
export async function wronglyDecided(
  cluster: Cluster,
  { decided, answered, parked }: AskedHistory,
  journal: readonly Record<string, unknown>[],
): Promise<string[]> {
  const asked = await readAsked(cluster);
  const byId = new Map(asked.map((one) => [one.approval, one]));
  const byTurn = new Map(asked.map((one) => [one.turn, one]));
  const ran = journal.filter(({ what }) => what === "allowed").map(({ turn }) => String(turn));
  return [
    ...named("calls were decided twice", twice(decided.map(({ approval }) => approval))),
    ...named(
      "decisions that a node accepted are not in the ledger",
      decided
        .filter(({ approval, decision }) => byId.get(approval)?.status !== STATUS[decision])
        .map(
          ({ approval, decision, node }) =>
            `${approval} ${decision} at ${node}: ${byId.get(approval)?.status}`,
        ),
    ),
    ...named("calls ran twice", twice(ran)),
    ...named(
      "calls ran without being allowed",
      ran
        .filter((turn) => byTurn.get(turn)?.status !== "allowed")
        .map((turn) => `${turn}: ${byTurn.get(turn)?.status}`),
    ),
    ...named("allowed calls of completed turns did not run", notRun(asked, new Set(ran))),
    ...named(
      "turns say something else than the decision on their call",
      answered
        .filter(({ turn, allowed }) => allowed !== (byTurn.get(turn)?.status === "allowed"))
        .map(({ turn, allowed }) => `${turn} was told ${allowed}: ${byTurn.get(turn)?.status}`),
    ),
    ...named(
      "calls wait though their turn has ended",
      asked.filter(({ status, end }) => status === "pending" && end !== null).map(({ turn }) => turn),
    ),
    ...named(
      "turns do not go on though their call is decided",
      asked.filter(({ status, end }) => status !== "pending" && end === null).map(({ turn }) => turn),
    ),
    ...named(
      "turns that were parked have another cost than their order",
      parked
        .filter(({ turn, units }) => {
          const row = byTurn.get(turn);
          return row?.end === "completed" && row.nano !== units * NANO_PER_UNIT;
        })
        .map(({ turn, units }) => `${turn}: ${byTurn.get(turn)?.nano} for ${units} units`),
    ),
    ...named("calls were forgotten", lost(asked)),
    ...named(
      "calls expired before their time",
      asked
        .filter(({ status, settledAt = 0, expiresAt }) => status === "expired" && settledAt < expiresAt)
        .map(({ approval, settledAt = 0, expiresAt }) => `${approval}, by ${expiresAt - settledAt} ms`),
    ),
  ];
}

/** How many calls are pending, or have a turn that has not ended. */
export async function waiting(cluster: Cluster): Promise<number> {
  return (await readAsked(cluster)).filter(({ status, end }) => status === "pending" || end === null).length;
}

/** Decided calls of the ledger, by status. */
export async function decisions(cluster: Cluster): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { status } of await readAsked(cluster)) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

async function readAsked(cluster: Cluster): Promise<readonly Asked[]> {
  const rows = await cluster.query(
    `SELECT a.id, a.status, a.turn_id, a.settled_at::float8 AS settled, a.expires_at::float8 AS expires, t."end",
       t.cost_nano::float8 AS nano FROM approvals a JOIN turns t ON t.id = a.turn_id`,
  );
  return rows.map((row) => ({
    approval: String(row["id"]),
    status: String(row["status"]),
    turn: String(row["turn_id"]),
    end: row["end"] === null ? null : String(row["end"]),
    nano: Number(row["nano"]),
    settledAt: row["settled"] === null ? undefined : Number(row["settled"]),
    expiresAt: Number(row["expires"]),
  }));
}

function notRun(asked: readonly Asked[], ran: ReadonlySet<string>): string[] {
  return asked
    .filter(({ status, end, turn }) => status === "allowed" && end === "completed" && !ran.has(turn))
    .map(({ turn }) => turn);
}

/** A call that was withdrawn although its turn completed. */
function lost(asked: readonly Asked[]): string[] {
  return asked
    .filter(({ status, end }) => status === "withdrawn" && end === "completed")
    .map(({ turn }) => turn);
}

function twice(ids: readonly string[]): string[] {
  return [...new Set(ids.filter((id, index) => ids.indexOf(id) !== index))];
}

function named(what: string, found: readonly string[]): string[] {
  return found.length === 0 ? [] : [`${found.length} ${what}: ${found.slice(0, NAMED).join(", ")}`];
}
