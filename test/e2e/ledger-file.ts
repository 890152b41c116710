import { join } from "node:path";
import type { SqlValue } from "@claudeway/ledger";
import type { Tokens } from "@claudeway/schemas";
import { loadSqlite, type SqliteConnection } from "#ledger-sqlite/sqlite.js";
import { queryDatabase } from "./two-nodes.js";

/** A turn as stored in the file. */
export interface FiledTurn {
  readonly id: string;
  readonly origin: string;
  /** Null while it runs. */
  readonly end: string | null;
  readonly pid: number | null;
  /** What its process, and all that this started, carry in their environment. */
  readonly marker: string | null;
  readonly tokens: Tokens;
  readonly costUsd: number;
  readonly estimated: boolean;
  /** 0 after a result. */
  readonly exitCode: number | null;
}

export interface FiledSums {
  readonly tokens: Tokens;
  readonly costUsd: number;
  /** How many turns were estimated. */
  readonly estimated: number;
  /** How many turns' price is not known. */
  readonly unpriced: number;
}

type Row = Readonly<Record<string, SqlValue>>;

/** Looks into a ledger from outside, while a gateway has it open or after that. */
export class LedgerFile {
  readonly #path: string;

  constructor(private readonly dataDir: string) {
    this.#path = join(dataDir, "ledger.sqlite");
  }

  /** The session's turns, the first one first. */
  async turns(sessionId: string): Promise<FiledTurn[]> {
    const rows = await this.query(
      "SELECT t.* FROM turns t JOIN sessions s ON s.seq = t.session_seq WHERE s.id = ? ORDER BY t.seq",
      sessionId,
    );
    return rows.map((row) => ({
      id: String(row["id"]),
      origin: String(row["origin"]),
      end: row["end"] === null ? null : String(row["end"]),
      pid: row["pid"] === null ? null : Number(row["pid"]),
      marker: row["marker"] === null ? null : String(row["marker"]),
      tokens: tokensOf(row),
      costUsd: Number(row["cost_nano"]) / 1e9,
      estimated: row["estimated"] === 1,
      exitCode: row["exit_code"] === null ? null : Number(row["exit_code"]),
    }));
  }

  /** The session's sums, also of one that was deleted. */
  async session(sessionId: string): Promise<FiledSums> {
    const [row] = await this.query("SELECT * FROM sessions WHERE id = ?", sessionId);
    if (row === undefined) throw new Error(`the ledger has no session ${sessionId}`);
    return sumsOf(row);
  }

  /** The session's sums by model. */
  async byModel(sessionId: string): Promise<Readonly<Record<string, FiledSums>>> {
    const rows = await this.query(
      "SELECT m.* FROM session_models m JOIN sessions s ON s.seq = m.session_seq WHERE s.id = ?",
      sessionId,
    );
    return Object.fromEntries(rows.map((row) => [String(row["model"]), sumsOf(row)]));
  }

  /** Rows of any statement. */
  async query(sql: string, ...values: SqlValue[]): Promise<Row[]> {
    const shared = await queryDatabase(this.dataDir, sql, values);
    if (shared !== undefined) return shared.filter(isRow);
    const { DatabaseSync } = await loadSqlite();
    const connection: SqliteConnection = new DatabaseSync(this.#path);
    try {
      connection.exec("PRAGMA busy_timeout = 2000; PRAGMA query_only = ON");
      return connection
        .prepare(sql)
        .all(...values)
        .filter(isRow);
    } finally {
      connection.close();
    }
  }
}

export const NO_TOKENS: Tokens = Object.freeze({ input: 0, output: 0, cache_read: 0, cache_write: 0 });

export function addTokens(a: Tokens, b: Tokens): Tokens {
  return {
    input: a.input + b.input,
    output: a.output + b.output,
    cache_read: a.cache_read + b.cache_read,
    cache_write: a.cache_write + b.cache_write,
  };
}

function sumsOf(row: Row): FiledSums {
  return {
    tokens: tokensOf(row),
    costUsd: Number(row["cost_nano"]) / 1e9,
    estimated: Number(row["estimated"]),
    unpriced: Number(row["unpriced"]),
  };
}

function tokensOf(row: Row): Tokens {
  const { input, output, cache_read, cache_write } = row;
  return {
    input: Number(input),
    output: Number(output),
    cache_read: Number(cache_read),
    cache_write: Number(cache_write),
  };
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null;
}
