import type { PageQuery, SessionFilter, SessionPage, SessionRecord } from "@claudeway/ports";
import { checkPage, offsetOf } from "./pages.js";
import { integer } from "./rows.js";
import { toSession } from "./session-row.js";
import type { Sql, Work } from "./sql.js";

/** The first characters of a UUID are random: one session in 65,536 begins with the same four. */
const MIN_PREFIX = 4;

const ONE_PAIR = "SELECT 1 FROM session_metadata o WHERE o.name = ? AND o.value = ?";
const LISTED = "kind = 'session' AND deleted_at IS NULL";

export function* listSessions(sql: Sql, query: SessionFilter & PageQuery): Work<SessionPage> {
  if (query.metadata !== undefined) return yield* withMetadata(sql, "session", query.metadata, query);
  const { page, limit } = checkPage(query);
  const { index, where, values } = filtered(query);
  const rows = yield* sql.all(
    `SELECT * FROM sessions ${index} WHERE ${LISTED}${where} ORDER BY seq DESC LIMIT ? OFFSET ?`,
    ...values,
    limit,
    offsetOf(query),
  );
  return { sessions: rows.map(toSession), total: yield* countSessions(sql, query), page, limit };
}

export function* listTasks(
  sql: Sql,
  query: Pick<SessionFilter, "keyId" | "metadata"> & PageQuery,
): Work<SessionPage> {
  if (query.metadata !== undefined) return yield* withMetadata(sql, "task", query.metadata, query);
  const { page, limit } = checkPage(query);
  const { keyId } = query;
  const [index, where, values] =
    keyId === undefined ? ["tasks_listed", "", []] : ["tasks_by_key", " AND key_id = ?", [keyId]];
  const rows = yield* sql.all(
    `SELECT * FROM sessions INDEXED BY ${index} WHERE kind = 'task'${where} ORDER BY seq DESC LIMIT ? OFFSET ?`,
    ...values,
    limit,
    offsetOf(query),
  );
  const counted = yield* sql.one(
    `SELECT coalesce(sum(tasks), 0) AS total FROM task_counts WHERE true${where}`,
    ...values,
  );
  const total = counted === undefined ? 0 : integer(counted, "total");
  return { sessions: rows.map(toSession), total, page, limit };
}

/** The sessions of which turns carry all these pairs. Costs as much as there are matches of the first pair. */
function* withMetadata(
  sql: Sql,
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
  const rows = yield* sql.all(
    `SELECT s.* ${from} ORDER BY o.session_seq DESC LIMIT ? OFFSET ?`,
    ...values,
    limit,
    offsetOf(query),
  );
  const counted = yield* sql.one(`SELECT count(*) AS total ${from}`, ...values);
  const total = counted === undefined ? 0 : integer(counted, "total");
  return { sessions: rows.map(toSession), total, page, limit };
}

function* countSessions(sql: Sql, filter: SessionFilter): Work<number> {
  const { where, values, index } = filtered(filter);
  const row = yield* sql.one(
    filter.idPrefix === undefined
      ? `SELECT coalesce(sum(sessions), 0) AS total FROM session_counts WHERE true${where}`
      : `SELECT count(*) AS total FROM sessions ${index} WHERE ${LISTED}${where}`,
    ...values,
  );
  return row === undefined ? 0 : integer(row, "total");
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
