import {
  FencedError,
  type Instant,
  type ModelTotalsRow,
  type NewOwner,
  type NewSession,
  type PageQuery,
  type SessionChanges,
  type SessionFilter,
  type SessionPage,
  type SessionRecord,
  type SessionTotals,
} from "@claudeway/ports";
import { SESSION_HELD, staysAlive } from "./nodes.js";
import { integer, maybeText, text, toMs } from "./rows.js";
import { type Epoch, holdEpoch, setColumn } from "./session-epoch.js";
import { listSessions, listTasks } from "./session-lists.js";
import { HIDDEN, toSession } from "./session-row.js";
import type { Sql, Work } from "./sql.js";
import { modelTotals } from "./totals.js";
import { removeTranscripts } from "./transcripts.js";

/** The size of the cache of sessions, and the maximum length of a cached system prompt, in characters. */
const MAX_READ = 1000;
const MAX_READ_PROMPT = 4096;

export class SessionTable {
  /** Sessions as they were read since anything was written, by this process alone: clients ask for the same ones again. */
  readonly #read = new Map<string, SessionRecord>();
  #readAt = 0;

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

  list(query: SessionFilter & PageQuery): Work<SessionPage> {
    return listSessions(this.sql, query);
  }

  tasks(query: Pick<SessionFilter, "keyId" | "metadata"> & PageQuery): Work<SessionPage> {
    return listTasks(this.sql, query);
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
    return this.sql.once(setColumn(this.sql, "cli_totals", JSON.stringify(cliTotals), id, claim));
  }

  setModel(id: string, model: string, claim: Epoch): Work<void> {
    return this.sql.transaction(this.#setOwnModel(id, model, claim));
  }

  *#setOwnModel(id: string, model: string, claim: Epoch): Work<void> {
    yield* holdEpoch(this.sql, id, claim);
    yield* this.#setModel(id, model);
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

  /** Reads every session. */
  *uncharged(): Work<string[]> {
    const rows = yield* this.sql.all(
      `SELECT id FROM sessions s
       WHERE (cli_totals LIKE '%"carried":%' OR cli_totals LIKE '%"unreported":%') AND NOT ${SESSION_HELD}`,
    );
    return rows.map((row) => text(row, "id"));
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

function isListed({ kind, hidden }: Pick<NewSession, "kind" | "hidden">): boolean {
  return kind === "session" && hidden !== true;
}
