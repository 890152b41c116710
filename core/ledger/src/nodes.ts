import type {
  Instant,
  JoinedNode,
  NewNode,
  NodeLoad,
  NodeRecord,
  NodeStart,
  NodeState,
  NodeWorkload,
  SeenBeat,
} from "@claudeway/ports";
import type { Row } from "./rows.js";
import { instant, integer, text } from "./rows.js";
import type { Sql, Work } from "./sql.js";
import { workloadOf } from "./workload.js";

/** States of a start of a node that may have sessions and work for them. */
export const LIVES = "state IN ('up', 'draining')";
const STATES: readonly NodeState[] = ["up", "draining", "left", "dead"];
const NEXT_INCARNATION = `
INSERT INTO counters (name, value) VALUES ('incarnation', 1)
ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value`;
const FREE = "UPDATE sessions SET owner = NULL, owner_incarnation = NULL, epoch = epoch + 1";

/** SQL: whether the start of a node that two columns name lives. */
export function lives(node: string, incarnation: string): string {
  return `EXISTS (SELECT 1 FROM nodes n WHERE n.node = ${node} AND n.incarnation = ${incarnation} AND n.${LIVES})`;
}

/** SQL: whether a living start of a node has the session `s`; never on one machine. */
export const SESSION_HELD = lives("s.owner", "s.owner_incarnation");

/** Whether this start lives; it stays so until the end of the caller's transaction. */
export function* staysAlive(sql: Sql, { node, incarnation }: NodeStart): Work<boolean> {
  const row = yield* sql.one(
    `SELECT 1 FROM nodes WHERE node = ? AND incarnation = ? AND ${LIVES}${sql.dialect.forShare}`,
    node,
    incarnation,
  );
  return row !== undefined;
}

/** The nodes: one row for each name, with its latest start. Rows of nodes are locked before rows of sessions. */
export class NodeTable {
  constructor(private readonly sql: Sql) {}

  join(node: NewNode): Work<JoinedNode> {
    return this.sql.transaction(this.#join(node));
  }

  *#join({ node, url, configDigest, version }: NewNode): Work<JoinedNode> {
    const counter = yield* this.sql.one(NEXT_INCARNATION);
    if (counter === undefined) throw new TypeError("ledger: a counter returned no row");
    const incarnation = integer(counter, "value");
    const before = yield* this.sql.one(
      `SELECT state FROM nodes WHERE node = ?${this.sql.dialect.forUpdate}`,
      node,
    );
    yield* this.sql.run(
      `INSERT INTO nodes (node, incarnation, url, beat, state, config_digest, version, running, queued, processes, joined_at)
       VALUES (?, ?, ?, 0, 'up', ?, ?, 0, 0, 0, ${this.sql.dialect.now})
       ON CONFLICT (node) DO UPDATE SET incarnation = excluded.incarnation, url = excluded.url, beat = 0, state = 'up',
         config_digest = excluded.config_digest, version = excluded.version, running = 0, queued = 0, processes = 0,
         joined_at = excluded.joined_at`,
      node,
      incarnation,
      url,
      configDigest,
      version,
    );
    yield* this.sql.run(`${FREE} WHERE owner = ?`, node);
    return { node, incarnation, afterCrash: before !== undefined && before["state"] !== "left" };
  }

  beat(of: NodeStart, load: NodeLoad, state: "up" | "draining", configDigest: string): Work<boolean> {
    return this.sql.transaction(this.#beat(of, load, state, configDigest));
  }

  *#beat(
    { node, incarnation }: NodeStart,
    load: NodeLoad,
    state: "up" | "draining",
    configDigest: string,
  ): Work<boolean> {
    const changed = yield* this.sql.run(
      `UPDATE nodes SET beat = beat + 1, running = ?, queued = ?, processes = ?, state = ?, config_digest = ?
       WHERE node = ? AND incarnation = ? AND ${LIVES}`,
      load.running,
      load.queued,
      load.processes,
      state,
      configDigest,
      node,
      incarnation,
    );
    return changed === 1;
  }

  *list(): Work<NodeRecord[]> {
    return (yield* this.sql.all("SELECT * FROM nodes ORDER BY node")).map(toNode);
  }

  workload(since: Instant): Work<NodeWorkload[]> {
    return workloadOf(this.sql, since);
  }

  bury(seen: SeenBeat): Work<boolean> {
    return this.sql.transaction(this.#end("dead", seen, { where: " AND beat = ?", values: [seen.beat] }));
  }

  *leave(of: NodeStart): Work<void> {
    yield* this.sql.transaction(this.#end("left", of, { where: "", values: [] }));
  }

  /** Ends a start that lives, and frees its sessions. Must run in a transaction. */
  *#end(
    state: "dead" | "left",
    { node, incarnation }: NodeStart,
    { where, values }: { readonly where: string; readonly values: readonly number[] },
  ): Work<boolean> {
    const changed = yield* this.sql.run(
      `UPDATE nodes SET state = ? WHERE node = ? AND incarnation = ? AND ${LIVES}${where}`,
      state,
      node,
      incarnation,
      ...values,
    );
    if (changed === 0) return false;
    yield* this.sql.run(`${FREE} WHERE owner = ? AND owner_incarnation = ?`, node, incarnation);
    return true;
  }
}

function toNode(row: Row): NodeRecord {
  const state = STATES.find((one) => one === row["state"]);
  if (state === undefined)
    throw new TypeError(`ledger: unknown state of a node: ${JSON.stringify(row["state"])}`);
  return {
    node: text(row, "node"),
    incarnation: integer(row, "incarnation"),
    url: text(row, "url"),
    beat: integer(row, "beat"),
    state,
    configDigest: text(row, "config_digest"),
    version: text(row, "version"),
    running: integer(row, "running"),
    queued: integer(row, "queued"),
    processes: integer(row, "processes"),
    joinedAt: instant(row, "joined_at"),
  };
}
