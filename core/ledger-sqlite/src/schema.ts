import { integer } from "@claudeway/ledger";
import { LedgerError } from "@claudeway/ports";
import type { Database } from "./database.js";

/** "Clwy": distinguishes a ledger from other SQLite files. */
const APPLICATION_ID = 0x436c7779;

/** The columns of all usage totals. Times are ms since 1970; money is in nanodollars. */
const USED = `
  input INTEGER NOT NULL DEFAULT 0, output INTEGER NOT NULL DEFAULT 0,
  cache_read INTEGER NOT NULL DEFAULT 0, cache_write INTEGER NOT NULL DEFAULT 0,
  cost_nano INTEGER NOT NULL DEFAULT 0, estimated INTEGER NOT NULL DEFAULT 0, unpriced INTEGER NOT NULL DEFAULT 0`;

const LISTED = "WHERE kind = 'session' AND deleted_at IS NULL";

const VERSION_1 = `
CREATE TABLE sessions (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key_id TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL,
  system_prompt TEXT, workdir TEXT NOT NULL, owns_workdir INTEGER NOT NULL,
  created_at INTEGER NOT NULL, last_used INTEGER NOT NULL, deleted_at INTEGER,
  begun INTEGER NOT NULL DEFAULT 0, ${USED}, cli_totals TEXT
) STRICT;
CREATE INDEX sessions_listed ON sessions (seq) ${LISTED};
CREATE INDEX sessions_by_key ON sessions (key_id, seq) ${LISTED};
CREATE INDEX sessions_by_model ON sessions (model, seq) ${LISTED};
CREATE INDEX sessions_by_key_model ON sessions (key_id, model, seq) ${LISTED};

-- How many sessions a list has, so that none is counted to answer for a page.
CREATE TABLE session_counts (
  key_id TEXT NOT NULL, model TEXT NOT NULL, sessions INTEGER NOT NULL, PRIMARY KEY (key_id, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE session_models (
  session_seq INTEGER NOT NULL REFERENCES sessions (seq), model TEXT NOT NULL,
  requests INTEGER NOT NULL, turns INTEGER NOT NULL, ${USED}, PRIMARY KEY (session_seq, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE turns (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, session_seq INTEGER NOT NULL REFERENCES sessions (seq),
  key_id TEXT NOT NULL, route TEXT NOT NULL, model TEXT NOT NULL, prompt_bytes INTEGER NOT NULL,
  prompt_sha256 BLOB NOT NULL, created_at INTEGER NOT NULL,
  pid INTEGER, start_time INTEGER, marker TEXT, ${USED}, by_model TEXT,
  end TEXT, ended_at INTEGER, answered_by TEXT, duration_ms INTEGER, queued_ms INTEGER, exit_code INTEGER
) STRICT;
CREATE INDEX turns_by_session ON turns (session_seq, seq);
CREATE INDEX turns_running ON turns (seq) WHERE end IS NULL;

-- Answers are long and seldom read: in a table of their own they keep the turns close together.
CREATE TABLE turn_responses (turn_seq INTEGER PRIMARY KEY REFERENCES turns (seq), json TEXT NOT NULL) STRICT;

CREATE TABLE totals (
  grain TEXT NOT NULL, period TEXT NOT NULL, key_id TEXT NOT NULL, model TEXT NOT NULL,
  requests INTEGER NOT NULL, turns INTEGER NOT NULL, ${USED}, last_at INTEGER NOT NULL,
  PRIMARY KEY (grain, period, key_id, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE price_samples (
  model TEXT NOT NULL, slot INTEGER NOT NULL, number INTEGER NOT NULL, input INTEGER NOT NULL,
  output INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL, cost_nano INTEGER NOT NULL,
  PRIMARY KEY (model, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
  key_id TEXT NOT NULL, route TEXT NOT NULL, idempotency_key TEXT NOT NULL, body_hash TEXT NOT NULL,
  turn_id TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (key_id, route, idempotency_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (at);
`;

const VERSION_2 = `
-- Of a turn that waits for a person: how it goes on, and what of it is in the totals already.
ALTER TABLE turns ADD COLUMN parked TEXT;
ALTER TABLE turns ADD COLUMN booked TEXT;
CREATE INDEX turns_parked ON turns (session_seq) WHERE parked IS NOT NULL;

CREATE TABLE approvals (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, session_id TEXT NOT NULL, turn_id TEXT NOT NULL,
  key_id TEXT NOT NULL, kind TEXT NOT NULL, tool_use_id TEXT NOT NULL, tool TEXT NOT NULL, input TEXT NOT NULL,
  workdir TEXT NOT NULL, status TEXT NOT NULL, asked_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, deciders TEXT,
  decision TEXT, parked INTEGER NOT NULL DEFAULT 0,
  -- The CLI keeps the call and will ask again, whatever became of the request.
  owed INTEGER NOT NULL DEFAULT 0,
  UNIQUE (session_id, tool_use_id)
) STRICT;
CREATE INDEX approvals_by_key ON approvals (key_id, seq);
CREATE INDEX approvals_by_turn ON approvals (turn_id);
CREATE INDEX approvals_pending ON approvals (expires_at) WHERE status = 'pending';

CREATE TABLE grants (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, session_id TEXT NOT NULL, key_id TEXT NOT NULL,
  tool TEXT NOT NULL, input TEXT NOT NULL, approval_id TEXT NOT NULL, given_by TEXT NOT NULL, at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT;
CREATE INDEX grants_by_session ON grants (session_id, tool) WHERE revoked_at IS NULL;
`;

const VERSION_3 = `
-- Where the shell stood: relative paths in a call count from there.
ALTER TABLE approvals ADD COLUMN cwd TEXT;
ALTER TABLE grants ADD COLUMN cwd TEXT;
`;

const VERSION_4 = `
-- Who began the turn: a client, or the CLI by itself.
ALTER TABLE turns ADD COLUMN origin TEXT NOT NULL DEFAULT 'prompt';
-- What the CLI runs in the session's background, and what of that was ended without an answer having told of it.
ALTER TABLE sessions ADD COLUMN background TEXT;
ALTER TABLE sessions ADD COLUMN background_lost TEXT;
CREATE INDEX sessions_background ON sessions (seq) WHERE background IS NOT NULL;
`;

const VERSION_5 = `
-- One-shot tasks are listed too. None is ever deleted.
CREATE INDEX tasks_listed ON sessions (seq) WHERE kind = 'task';
CREATE INDEX tasks_by_key ON sessions (key_id, seq) WHERE kind = 'task';
CREATE TABLE task_counts (key_id TEXT PRIMARY KEY, tasks INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO task_counts SELECT key_id, count(*) FROM sessions WHERE kind = 'task' GROUP BY key_id;
`;

const VERSION_6 = `
-- What a session's turns ask of the CLI unless they say otherwise, and what its owner calls it.
ALTER TABLE sessions ADD COLUMN options TEXT;
ALTER TABLE sessions ADD COLUMN title TEXT;
-- What its caller noted on a turn: pairs of texts.
ALTER TABLE turns ADD COLUMN metadata TEXT;
`;

const VERSION_7 = `
-- Finds the sessions of which a turn carries a pair.
CREATE TABLE session_metadata (
  name TEXT NOT NULL, value TEXT NOT NULL, session_seq INTEGER NOT NULL REFERENCES sessions (seq),
  PRIMARY KEY (name, value, session_seq)
) STRICT, WITHOUT ROWID;
`;

const VERSION_8 = `
-- State of plugins. A version is never used twice, also after its row is deleted.
CREATE TABLE plugin_store (
  version INTEGER PRIMARY KEY AUTOINCREMENT, plugin TEXT NOT NULL, key TEXT NOT NULL, json TEXT NOT NULL,
  expires_at INTEGER, UNIQUE (plugin, key)
) STRICT;
CREATE INDEX plugin_store_expiring ON plugin_store (plugin, expires_at) WHERE expires_at IS NOT NULL;
`;

const VERSION_9 = `
-- Counters of plugins, by window. Costs are in nanodollars.
CREATE TABLE quota_counters (
  plugin TEXT NOT NULL, name TEXT NOT NULL, subject TEXT NOT NULL, window TEXT NOT NULL, measure TEXT NOT NULL,
  period TEXT NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (plugin, name, subject, window, measure, period)
) STRICT, WITHOUT ROWID;
-- What open turns have reserved of them; of ended turns without a price, what they were counted with.
CREATE TABLE quota_reservations (
  turn_id TEXT NOT NULL, plugin TEXT NOT NULL, name TEXT NOT NULL, subject TEXT NOT NULL, window TEXT NOT NULL,
  measure TEXT NOT NULL, amount INTEGER NOT NULL, step INTEGER NOT NULL, max INTEGER NOT NULL,
  charged INTEGER NOT NULL DEFAULT 0, unpriced_period TEXT,
  PRIMARY KEY (turn_id, plugin, name, subject, window, measure)
) STRICT, WITHOUT ROWID;
CREATE INDEX quota_reserved ON quota_reservations (plugin, name, subject, window, measure, amount);
CREATE INDEX quota_unpriced ON quota_reservations (turn_id) WHERE unpriced_period IS NOT NULL;
`;

const VERSION_10 = `
-- How long the model took to begin its answer, and whether the process of the turn was there already.
ALTER TABLE turns ADD COLUMN first_token_ms INTEGER;
ALTER TABLE turns ADD COLUMN process TEXT;
`;

const VERSION_11 = `
-- Of many gateways on one ledger, each a node: which one has a session and ran a turn, under which epoch.
ALTER TABLE sessions ADD COLUMN owner TEXT;
ALTER TABLE sessions ADD COLUMN owner_incarnation INTEGER;
ALTER TABLE sessions ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN pinned_to TEXT;
CREATE INDEX sessions_owned ON sessions (owner) WHERE owner IS NOT NULL;
ALTER TABLE turns ADD COLUMN node TEXT;
ALTER TABLE turns ADD COLUMN incarnation INTEGER;
ALTER TABLE turns ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
CREATE INDEX turns_by_node ON turns (node, incarnation) WHERE node IS NOT NULL AND end IS NULL;
ALTER TABLE idempotency ADD COLUMN node TEXT;
ALTER TABLE idempotency ADD COLUMN incarnation INTEGER;

CREATE TABLE nodes (
  node TEXT PRIMARY KEY, incarnation INTEGER NOT NULL, url TEXT NOT NULL, beat INTEGER NOT NULL, state TEXT NOT NULL,
  config_digest TEXT NOT NULL, version TEXT NOT NULL, running INTEGER NOT NULL, queued INTEGER NOT NULL,
  processes INTEGER NOT NULL, joined_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- The last number that was given, by what it counts.
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE singletons (name TEXT PRIMARY KEY, node TEXT NOT NULL, incarnation INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
`;

const VERSION_12 = `
-- What the CLI wrote to the transcripts of a session, for other nodes: the number and size of all parts, and the epoch under
-- which some could not be stored.
ALTER TABLE sessions ADD COLUMN transcript_end INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN transcript_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN transcript_lacking INTEGER;
CREATE TABLE transcripts (
  conversation TEXT NOT NULL, seq INTEGER NOT NULL, session_id TEXT NOT NULL, subpath TEXT NOT NULL,
  epoch INTEGER NOT NULL, bytes INTEGER NOT NULL, lines TEXT NOT NULL, PRIMARY KEY (conversation, seq)
) STRICT;
CREATE INDEX transcripts_by_session ON transcripts (session_id);
`;

const VERSION_13 = `
-- Running turns of keys that may have a number of them over all nodes.
CREATE TABLE key_places (
  id TEXT PRIMARY KEY, key_id TEXT NOT NULL, node TEXT NOT NULL, incarnation INTEGER NOT NULL
) STRICT;
CREATE INDEX key_places_by_key ON key_places (key_id);
`;

const VERSION_14 = `
-- What the audit log reports and no other column has; only a cluster reads it.
ALTER TABLE turns ADD COLUMN audit TEXT;
ALTER TABLE approvals ADD COLUMN settled_at INTEGER;
`;

/** The migrations between versions, oldest first. A released step never changes. */
export const MIGRATIONS: readonly string[] = [
  VERSION_1,
  VERSION_2,
  VERSION_3,
  VERSION_4,
  VERSION_5,
  VERSION_6,
  VERSION_7,
  VERSION_8,
  VERSION_9,
  VERSION_10,
  VERSION_11,
  VERSION_12,
  VERSION_13,
  VERSION_14,
];

/** Migrates the file to the latest version, each step in a transaction. Refuses other SQLite files and newer versions. */
export function migrate(database: Database, migrations: readonly string[] = MIGRATIONS): void {
  const version = refuseForeign(database, migrations);
  for (const [step, sql] of migrations.entries()) {
    if (step < version) continue;
    database.transaction(() => {
      database.exec(sql);
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${step + 1}`);
    });
  }
}

/** The version of a ledger's tables. Throws a LedgerError for other SQLite files and newer versions. */
export function refuseForeign(database: Database, migrations: readonly string[] = MIGRATIONS): number {
  const version = versionOf(database);
  if (version <= migrations.length) return version;
  throw new LedgerError(
    `ledger ${database.file} was written by a newer Claudeway (version ${version}; this one supports up to ` +
      `${migrations.length}): upgrade, or restore a backup`,
  );
}

function versionOf(database: Database): number {
  const version = pragma(database, "user_version");
  const empty = database.one("SELECT 1 FROM sqlite_schema LIMIT 1") === undefined;
  if (version === 0 && empty) return 0;
  if (pragma(database, "application_id") !== APPLICATION_ID) {
    throw new LedgerError(`${database.file} is a SQLite file, but not a ledger of Claudeway`);
  }
  return version;
}

function pragma(database: Database, name: "user_version" | "application_id"): number {
  const row = database.one(`PRAGMA ${name}`);
  return row === undefined ? 0 : integer(row, name);
}
