import {
  type BackgroundTask,
  type Claim,
  FencedError,
  type Instant,
  type LostTask,
  type ModelTotalsRow,
  type NewOwner,
  type NewSession,
  type PageQuery,
  type SessionChanges,
  type SessionFilter,
  type SessionPage,
  type SessionRecord,
  type SessionTotals,
  type TurnOptions,
} from "@claudeway/ports";
import { lives, staysAlive } from "./nodes.js";
import { checkPage, offsetOf } from "./pages.js";
import type { Row } from "./rows.js";
import { instant, integer, maybeText, text, toMs, totals } from "./rows.js";
import type { Sql, Work } from "./sql.js";
import { modelTotals } from "./totals.js";
import { removeTranscripts } from "./transcripts.js";

/** The first characters of a UUID are random: one session in 65,536 begins with the same four. */
const MIN_PREFIX = 4;

/** The size of the cache of sessions, and the maximum length of a cached system prompt, in characters. */
const MAX_READ = 1000;
const MAX_READ_PROMPT = 4096;

/** The kind of a session that lists leave out. */
const HIDDEN = "hidden";
const ONE_PAIR = "SELECT 1 FROM session_metadata o WHERE o.name = ? AND o.value = ?";

interface LostOfSession {
  readonly id: string;
  readonly lost: readonly LostTask[];
}

const LISTED = "kind = 'session' AND deleted_at IS NULL";
/** Whether a living start of a node has the session; never on one machine. */
const HELD = lives("s.owner", "s.owner_incarnation");

/** The epoch under which a session is written. */
export type Epoch = Pick<Claim, "epoch">;

export class SessionTable {
  /** Sessions as they were read since anything was written, by this process alone: clients ask for the same ones again. */
  readonly #read = new Map<string, SessionRecord>();
  #readAt = 0;
  /** Sessions without lost work, where nothing but this process writes any: each turn asks for it. */
  readonly #withoutLost = new Set<string>();

  constructor(private readonly sql: Sql) {}

  create(session: NewSession, at?: NewOwner): Work<void> {
    return this.sql.transaction(this.#create(session, at));
  }

  *#create(session: NewSession, { owner, pinnedTo }: Partial<NewOwner> = {}): Work<void> {
    const at = toMs(session.createdAt);
    if (owner !== undefined && !(yield* staysAlive(this.sql, owner))) throw new FencedError(session.id);
    yield* this.sql.run(
      `INSERT INTO sessions
           (id, key_id, kind, model, system_prompt, options, workdir, owns_workdir, created_at, last_used,
            cli_totals, owner, owner_incarnation, pinned_to)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      session.id,
      session.keyId,
      session.hidden === true ? HIDDEN : session.kind,
      session.model,
      session.systemPrompt ?? null,
      session.options === undefined ? null : JSON.stringify(session.options),
      session.workdir,
      session.ownsWorkdir ? 1 : 0,
      at,
      at,
      session.cliTotals === undefined ? null : JSON.stringify(session.cliTotals),
      owner?.node ?? null,
      owner?.incarnation ?? null,
      pinnedTo ?? null,
    );
    if (isListed(session)) yield* count(this.sql, session.keyId, session.model, 1);
    else if (session.kind === "task") yield* countTask(this.sql, session.keyId);
  }

  *get(id: string): Work<SessionRecord | undefined> {
    this.#forgetOutdated();
    const read = this.#read.get(id);
    if (read !== undefined) return read;
    const row = yield* this.sql.one("SELECT * FROM sessions WHERE id = ? AND deleted_at IS NULL", id);
    if (row === undefined) return undefined;
    const session = Object.freeze(toSession(row));
    const length = (session.systemPrompt?.length ?? 0) + (maybeText(row, "options")?.length ?? 0);
    if (length <= MAX_READ_PROMPT && this.sql.dialect.alone) this.#read.set(id, session);
    return session;
  }

  #forgetOutdated(): void {
    const { writes } = this.sql;
    if (writes === this.#readAt && this.#read.size < MAX_READ) return;
    this.#read.clear();
    this.#readAt = writes;
  }

  *list(query: SessionFilter & PageQuery): Work<SessionPage> {
    if (query.metadata !== undefined) return yield* this.#withMetadata("session", query.metadata, query);
    const { page, limit } = checkPage(query);
    const { index, where, values } = filtered(query);
    const rows = yield* this.sql.all(
      `SELECT * FROM sessions ${index} WHERE ${LISTED}${where} ORDER BY seq DESC LIMIT ? OFFSET ?`,
      ...values,
      limit,
      offsetOf(query),
    );
    return { sessions: rows.map(toSession), total: yield* this.count(query), page, limit };
  }

  *tasks(query: Pick<SessionFilter, "keyId" | "metadata"> & PageQuery): Work<SessionPage> {
    if (query.metadata !== undefined) return yield* this.#withMetadata("task", query.metadata, query);
    const { page, limit } = checkPage(query);
    const { keyId } = query;
    const [index, where, values] =
      keyId === undefined ? ["tasks_listed", "", []] : ["tasks_by_key", " AND key_id = ?", [keyId]];
    const rows = yield* this.sql.all(
      `SELECT * FROM sessions INDEXED BY ${index} WHERE kind = 'task'${where} ORDER BY seq DESC LIMIT ? OFFSET ?`,
      ...values,
      limit,
      offsetOf(query),
    );
    const counted = yield* this.sql.one(
      `SELECT coalesce(sum(tasks), 0) AS total FROM task_counts WHERE true${where}`,
      ...values,
    );
    const total = counted === undefined ? 0 : integer(counted, "total");
    return { sessions: rows.map(toSession), total, page, limit };
  }

  /** The sessions of which turns carry all these pairs. Costs as much as there are matches of the first pair. */
  *#withMetadata(
    kind: SessionRecord["kind"],
    metadata: Readonly<Record<string, string>>,
    query: Pick<SessionFilter, "keyId" | "model"> & PageQuery,
  ): Work<SessionPage> {
    const { page, limit } = checkPage(query);
    const { keyId, model } = query;
    const pairs = Object.entries(metadata);
    const [[name, value] = ["", ""], ...others] = pairs;
    const conditions = [
      ...(keyId === undefined ? [] : [{ sql: " AND s.key_id = ?", values: [keyId] }]),
      ...(model === undefined ? [] : [{ sql: " AND s.model = ?", values: [model] }]),
      ...others.map((pair) => ({ sql: ` AND EXISTS (${ONE_PAIR} AND o.session_seq = s.seq)`, values: pair })),
    ];
    const from = `FROM session_metadata o JOIN sessions s ON s.seq = o.session_seq
       WHERE o.name = ? AND o.value = ? AND s.kind = ? AND s.deleted_at IS NULL
       ${conditions.map(({ sql }) => sql).join("")}`;
    const values = [name, value, kind, ...conditions.flatMap((condition) => condition.values)];
    const rows = yield* this.sql.all(
      `SELECT s.* ${from} ORDER BY o.session_seq DESC LIMIT ? OFFSET ?`,
      ...values,
      limit,
      offsetOf(query),
    );
    const counted = yield* this.sql.one(`SELECT count(*) AS total ${from}`, ...values);
    const total = counted === undefined ? 0 : integer(counted, "total");
    return { sessions: rows.map(toSession), total, page, limit };
  }

  *count(filter: SessionFilter = {}): Work<number> {
    const { where, values, index } = filtered(filter);
    const row = yield* this.sql.one(
      filter.idPrefix === undefined
        ? `SELECT coalesce(sum(sessions), 0) AS total FROM session_counts WHERE true${where}`
        : `SELECT count(*) AS total FROM sessions ${index} WHERE ${LISTED}${where}`,
      ...values,
    );
    return row === undefined ? 0 : integer(row, "total");
  }

  *touch(id: string, at: Instant): Work<void> {
    yield* this.sql.run("UPDATE sessions SET last_used = max(last_used, ?) WHERE id = ?", toMs(at), id);
  }

  delete(id: string, at: Instant): Work<boolean> {
    return this.sql.transaction(this.#delete(id, at));
  }

  *#delete(id: string, at: Instant): Work<boolean> {
    const sql = "UPDATE sessions SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL";
    if ((yield* this.sql.run(sql, toMs(at), id)) === 0) return false;
    yield* removeTranscripts(this.sql, id);
    const session = yield* this.sql.one("SELECT kind, key_id, model FROM sessions WHERE id = ?", id);
    if (session !== undefined && text(session, "kind") === "session")
      yield* count(this.sql, text(session, "key_id"), text(session, "model"), -1);
    return true;
  }

  setCliTotals(id: string, cliTotals: SessionTotals, claim: Epoch): Work<void> {
    return this.sql.once(this.#set("cli_totals", JSON.stringify(cliTotals), id, claim));
  }

  *#set(column: string, value: string | null, id: string, { epoch }: Epoch): Work<void> {
    const sql = `UPDATE sessions SET ${column} = ? WHERE id = ? AND epoch = ?`;
    if ((yield* this.sql.run(sql, value, id, epoch)) === 0) yield* refuseOldEpoch(this.sql, id);
  }

  setModel(id: string, model: string, claim: Epoch): Work<void> {
    return this.sql.transaction(this.#setOwnModel(id, model, claim));
  }

  *#setOwnModel(id: string, model: string, claim: Epoch): Work<void> {
    yield* this.#own(id, claim);
    yield* this.#setModel(id, model);
  }

  /** Throws a FencedError if the session exists under another epoch. It keeps its epoch until the end of the transaction. */
  *#own(id: string, { epoch }: Epoch): Work<void> {
    const row = yield* this.sql.one(
      `SELECT epoch FROM sessions WHERE id = ?${this.sql.dialect.forUpdate}`,
      id,
    );
    if (row !== undefined && integer(row, "epoch") !== epoch) throw new FencedError(id);
  }

  *#setModel(id: string, model: string): Work<void> {
    const session = yield* this.sql.one("SELECT seq FROM sessions WHERE id = ?", id);
    if (session !== undefined) yield* changeModel(this.sql, integer(session, "seq"), model);
  }

  update(id: string, changes: SessionChanges): Work<void> {
    return this.sql.transaction(this.#update(id, changes));
  }

  *#update(id: string, { title, model, systemPrompt, options }: SessionChanges): Work<void> {
    const changes: readonly (readonly [string, string | null | undefined])[] = [
      ["title", title],
      ["system_prompt", systemPrompt],
      ["options", options && JSON.stringify(options)],
    ];
    for (const [column, value] of changes) {
      if (value !== undefined)
        yield* this.sql.run(`UPDATE sessions SET ${column} = ? WHERE id = ?`, value, id);
    }
    if (model !== undefined) yield* this.#setModel(id, model);
  }

  setBackground(id: string, running: readonly BackgroundTask[], claim: Epoch): Work<void> {
    const json = running.length === 0 ? null : JSON.stringify(running);
    return this.sql.once(this.#set("background", json, id, claim));
  }

  addLost(id: string, lost: readonly LostTask[], claim: Epoch): Work<void> {
    return this.sql.transaction(this.#addOwnLost(id, lost, claim));
  }

  *#addOwnLost(id: string, lost: readonly LostTask[], claim: Epoch): Work<void> {
    yield* this.#own(id, claim);
    yield* this.#addLost(id, lost);
  }

  *#addLost(id: string, lost: readonly LostTask[]): Work<void> {
    this.#withoutLost.delete(id);
    const json = JSON.stringify([...(yield* this.#locked(id)), ...lost]);
    yield* this.sql.run("UPDATE sessions SET background_lost = ? WHERE id = ?", json, id);
  }

  *lost(id: string): Work<LostTask[]> {
    if (this.#withoutLost.has(id)) return [];
    const lost = yield* this.#lost(id, "");
    if (lost.length > 0 || !this.sql.dialect.alone) return lost;
    if (this.#withoutLost.size >= MAX_READ) this.#withoutLost.clear();
    this.#withoutLost.add(id);
    return lost;
  }

  #locked(id: string): Work<LostTask[]> {
    return this.#lost(id, this.sql.dialect.forUpdate);
  }

  *#lost(id: string, locking: string): Work<LostTask[]> {
    const row = yield* this.sql.one(`SELECT background_lost FROM sessions WHERE id = ?${locking}`, id);
    const json = row === undefined ? undefined : maybeText(row, "background_lost");
    if (json === undefined) return [];
    // Written by `addLost`.
    const lost: LostTask[] = JSON.parse(json);
    return lost;
  }

  forgetLost(id: string, told: readonly LostTask[], claim: Epoch): Work<void> {
    return this.sql.transaction(this.#forgetLost(id, told, claim));
  }

  *#forgetLost(id: string, told: readonly LostTask[], claim: Epoch): Work<void> {
    yield* this.#own(id, claim);
    const left = (yield* this.#locked(id)).slice(told.length);
    const json = left.length === 0 ? null : JSON.stringify(left);
    yield* this.sql.run("UPDATE sessions SET background_lost = ? WHERE id = ?", json, id);
  }

  /** Reads every session. */
  *uncharged(): Work<string[]> {
    const rows = yield* this.sql.all(
      `SELECT id FROM sessions s
       WHERE (cli_totals LIKE '%"carried":%' OR cli_totals LIKE '%"unreported":%') AND NOT ${HELD}`,
    );
    return rows.map((row) => text(row, "id"));
  }

  loseBackground(id?: string): Work<LostOfSession[]> {
    return this.sql.transaction(this.#loseBackground(id));
  }

  *#loseBackground(only?: string): Work<LostOfSession[]> {
    const [where, values] = only === undefined ? [` AND NOT ${HELD}`, []] : [" AND id = ?", [only]];
    const rows = yield* this.sql.all(
      `SELECT id, background FROM sessions s WHERE background IS NOT NULL${where} ORDER BY seq${this.sql.dialect.forUpdate}`,
      ...values,
    );
    const all: LostOfSession[] = [];
    for (const row of rows) {
      const id = text(row, "id");
      const running: BackgroundTask[] = JSON.parse(text(row, "background"));
      const lost = running.map((task): LostTask => ({ ...task, reason: "restart" }));
      yield* this.#addLost(id, lost);
      yield* this.sql.run("UPDATE sessions SET background = NULL WHERE id = ?", id);
      all.push({ id, lost });
    }
    return all;
  }

  *models(): Work<string[]> {
    const rows = yield* this.sql.all(
      "SELECT model FROM session_counts GROUP BY model HAVING sum(sessions) > 0 ORDER BY model",
    );
    return rows.map((row) => text(row, "model"));
  }

  *byModel(id: string): Work<ModelTotalsRow[]> {
    const rows = yield* this.sql.all(
      `SELECT m.* FROM session_models m JOIN sessions s ON s.seq = m.session_seq
       WHERE s.id = ? ORDER BY m.cost_nano DESC, m.model`,
      id,
    );
    return rows.map(modelTotals);
  }
}

/** Throws a FencedError if the session exists: a write found none under its epoch. */
export function* refuseOldEpoch(sql: Sql, id: string): Work<void> {
  if ((yield* sql.one("SELECT 1 FROM sessions WHERE id = ?", id)) !== undefined) throw new FencedError(id);
}

/** Changes the model of a session. Must run in the caller's transaction. */
export function* changeModel(sql: Sql, seq: number, model: string): Work<void> {
  const session = yield* sql.one(`SELECT * FROM sessions WHERE seq = ?${sql.dialect.forUpdate}`, seq);
  if (session === undefined || text(session, "model") === model) return;
  yield* sql.run("UPDATE sessions SET model = ? WHERE seq = ?", model, seq);
  const isListed = text(session, "kind") === "session" && session["deleted_at"] === null;
  if (!isListed) return;
  const keyId = text(session, "key_id");
  const changes: [string, 1 | -1][] = [
    [text(session, "model"), -1],
    [model, 1],
  ];
  // In one order for all, so that no two wait for each other.
  for (const [name, difference] of changes.sort(([a], [b]) => (a < b ? -1 : 1)))
    yield* count(sql, keyId, name, difference);
}

function* count(sql: Sql, keyId: string, model: string, difference: 1 | -1): Work<void> {
  yield* sql.send(
    `INSERT INTO session_counts (key_id, model, sessions) VALUES (?, ?, ?)
     ON CONFLICT (key_id, model) DO UPDATE SET sessions = session_counts.sessions + excluded.sessions`,
    keyId,
    model,
    difference,
  );
}

function* countTask(sql: Sql, keyId: string): Work<void> {
  yield* sql.send(
    "INSERT INTO task_counts (key_id, tasks) VALUES (?, 1) ON CONFLICT (key_id) DO UPDATE SET tasks = task_counts.tasks + 1",
    keyId,
  );
}

interface Filtered {
  readonly index: string;
  readonly where: string;
  readonly values: string[];
}

/** Names the index explicitly, so that a page never scans all sessions. */
function filtered({ keyId, model, idPrefix }: SessionFilter): Filtered {
  const conditions = [
    ...(keyId === undefined ? [] : [{ sql: " AND key_id = ?", values: [keyId] }]),
    ...(model === undefined ? [] : [{ sql: " AND model = ?", values: [model] }]),
    ...(idPrefix === undefined ? [] : [{ sql: " AND id >= ? AND id < ?", values: rangeOf(idPrefix) }]),
  ];
  return {
    index:
      idPrefix === undefined
        ? `INDEXED BY ${indexFor({ keyId, model })}`
        : "INDEXED BY sqlite_autoindex_sessions_1",
    where: conditions.map(({ sql }) => sql).join(""),
    values: conditions.flatMap(({ values }) => values),
  };
}

function indexFor({ keyId, model }: Omit<SessionFilter, "idPrefix">): string {
  if (keyId !== undefined) return model === undefined ? "sessions_by_key" : "sessions_by_key_model";
  return model === undefined ? "sessions_listed" : "sessions_by_model";
}

/** The bounds of ids with this prefix. Throws a RangeError if the prefix is too short. */
function rangeOf(prefix: string): [string, string] {
  if (prefix.length < MIN_PREFIX) {
    throw new RangeError(
      `idPrefix must have at least ${MIN_PREFIX} characters, got ${JSON.stringify(prefix)}`,
    );
  }
  return [prefix, `${prefix}\u{10ffff}`];
}

function toSession(row: Row): SessionRecord {
  return {
    id: text(row, "id"),
    keyId: text(row, "key_id"),
    kind: text(row, "kind") === "task" ? "task" : "session",
    ...(text(row, "kind") === HIDDEN && { hidden: true }),
    ...toTitle(maybeText(row, "title")),
    model: text(row, "model"),
    systemPrompt: maybeText(row, "system_prompt"),
    ...toOptions(maybeText(row, "options")),
    workdir: text(row, "workdir"),
    ownsWorkdir: integer(row, "owns_workdir") === 1,
    createdAt: instant(row, "created_at"),
    lastUsed: instant(row, "last_used"),
    taskCount: integer(row, "begun"),
    totals: totals(row),
    cliTotals: toCliTotals(maybeText(row, "cli_totals")),
  };
}

/** Written by `create` and `update`. */
function toOptions(json: string | undefined): Pick<SessionRecord, "options"> {
  if (json === undefined) return {};
  const options: TurnOptions = JSON.parse(json);
  return { options };
}

/** Written by `setCliTotals` and `end`; a change of its shape needs a migration. */
function toCliTotals(json: string | undefined): SessionTotals | undefined {
  if (json === undefined) return undefined;
  const totals: SessionTotals = JSON.parse(json);
  return totals;
}

function toTitle(title: string | undefined): Pick<SessionRecord, "title"> {
  return title === undefined ? {} : { title };
}

function isListed({ kind, hidden }: Pick<NewSession, "kind" | "hidden">): boolean {
  return kind === "session" && hidden !== true;
}
