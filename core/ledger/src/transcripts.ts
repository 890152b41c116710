import {
  type AppendOutcome,
  type Claim,
  FencedError,
  LedgerError,
  type SessionTranscript,
  type StoredConversation,
  type StoredPart,
  type TranscriptPart,
} from "@claudeway/ports";
import { integer, maybeInteger, type Row, text } from "./rows.js";
import type { Sql, Work } from "./sql.js";

/** The largest record of a session, in bytes: no reader of transcripts opens a larger file. */
const MAX_BYTES = 1024 ** 3;
/** How much is read at once, in bytes, unless one part is larger. */
const PAGE_BYTES = 4 * 1024 * 1024;
const PAGE_PARTS = 500;

/**
 * Transcripts, in parts of one or more lines. A session's row has the number of its last part, so the statement that takes the
 * next number is the one that checks the epoch, and no two writers get the same number.
 */
export class TranscriptTable {
  constructor(private readonly sql: Sql) {}

  *session(id: string): Work<SessionTranscript | undefined> {
    const row = yield* this.sql.one(
      "SELECT transcript_end, transcript_lacking FROM sessions WHERE id = ? AND deleted_at IS NULL",
      id,
    );
    if (row === undefined) return undefined;
    return { end: integer(row, "transcript_end"), lackingSince: maybeInteger(row, "transcript_lacking") };
  }

  *find(conversation: string): Work<StoredConversation | undefined> {
    const row = yield* this.sql.one(
      "SELECT session_id, seq, epoch FROM transcripts WHERE conversation = ? ORDER BY seq DESC LIMIT 1",
      conversation,
    );
    return (
      row && { sessionId: text(row, "session_id"), seq: integer(row, "seq"), epoch: integer(row, "epoch") }
    );
  }

  *read(conversation: string, after: number): Work<StoredPart[]> {
    const sizes = yield* this.sql.all(
      "SELECT seq, bytes FROM transcripts WHERE conversation = ? AND seq > ? ORDER BY seq LIMIT ?",
      conversation,
      after,
      PAGE_PARTS,
    );
    const last = lastOfPage(sizes);
    if (last === undefined) return [];
    const rows = yield* this.sql.all(
      "SELECT * FROM transcripts WHERE conversation = ? AND seq > ? AND seq <= ? ORDER BY seq",
      conversation,
      after,
      last,
    );
    return rows.map(toPart);
  }

  append(claim: Claim, part: TranscriptPart, after: number): Work<AppendOutcome> {
    return this.sql.transaction(this.#append(claim, part, after));
  }

  *#append(
    { sessionId, epoch }: Claim,
    { conversation, subpath, lines }: TranscriptPart,
    after: number,
  ): Work<AppendOutcome> {
    const joined = lines.join("\n");
    const bytes = Buffer.byteLength(joined);
    if (conversation !== sessionId) yield* this.#refuseOthers(sessionId, conversation);
    const changed = yield* this.sql.run(
      `UPDATE sessions SET transcript_end = transcript_end + 1, transcript_bytes = transcript_bytes + ?
       WHERE id = ? AND epoch = ? AND transcript_end = ? AND transcript_bytes <= ? AND deleted_at IS NULL`,
      bytes,
      sessionId,
      epoch,
      after,
      MAX_BYTES - bytes,
    );
    if (changed === 0) return yield* this.#refused(sessionId, epoch, { conversation, joined, bytes }, after);
    yield* this.sql.run(
      `INSERT INTO transcripts (conversation, seq, session_id, subpath, epoch, bytes, lines)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      conversation,
      after + 1,
      sessionId,
      subpath,
      epoch,
      bytes,
      joined,
    );
    return after + 1;
  }

  /** A CLI names the conversation that it writes, and its tools may speak for it. */
  *#refuseOthers(sessionId: string, conversation: string): Work<void> {
    const other = yield* this.sql.one(
      `SELECT 1 FROM sessions WHERE id = ?
       UNION ALL SELECT 1 FROM transcripts WHERE conversation = ? AND session_id <> ? LIMIT 1`,
      conversation,
      conversation,
      sessionId,
    );
    if (other !== undefined)
      throw new LedgerError(`ledger: the conversation ${conversation} is not of the session ${sessionId}`);
  }

  /** Why a part was not added: it may be there already. */
  *#refused(
    sessionId: string,
    epoch: number,
    { conversation, joined, bytes }: { conversation: string; joined: string; bytes: number },
    after: number,
  ): Work<AppendOutcome> {
    const session = yield* this.sql.one(
      "SELECT epoch, transcript_end, transcript_bytes, deleted_at FROM sessions WHERE id = ?",
      sessionId,
    );
    if (session === undefined) throw new LedgerError(`ledger: session ${sessionId} does not exist`);
    if (session["deleted_at"] !== null) return "deleted";
    if (integer(session, "epoch") !== epoch) throw new FencedError(sessionId);
    const end = integer(session, "transcript_end");
    if (end === after + 1) {
      const there = yield* this.sql.one(
        "SELECT lines FROM transcripts WHERE conversation = ? AND seq = ?",
        conversation,
        end,
      );
      if (there !== undefined && text(there, "lines") === joined) return end;
    }
    if (end === after && integer(session, "transcript_bytes") > MAX_BYTES - bytes) return "too large";
    throw new LedgerError(`ledger: the transcript of session ${sessionId} ends at part ${end}, got ${after}`);
  }

  *setLacking({ sessionId, epoch }: Claim, isLacking: boolean): Work<void> {
    const changed = yield* this.sql.run(
      "UPDATE sessions SET transcript_lacking = ? WHERE id = ? AND epoch = ?",
      isLacking ? epoch : null,
      sessionId,
      epoch,
    );
    if (changed === 0) throw new FencedError(sessionId);
  }
}

/** Removes what is stored of a deleted session. Must run in the caller's transaction. */
export function* removeTranscripts(sql: Sql, sessionId: string): Work<void> {
  yield* sql.run("DELETE FROM transcripts WHERE session_id = ?", sessionId);
}

function lastOfPage(sizes: readonly Row[]): number | undefined {
  let [bytes, last]: [number, number | undefined] = [0, undefined];
  for (const row of sizes) {
    bytes += integer(row, "bytes");
    if (last !== undefined && bytes > PAGE_BYTES) break;
    last = integer(row, "seq");
  }
  return last;
}

function toPart(row: Row): StoredPart {
  return {
    conversation: text(row, "conversation"),
    subpath: text(row, "subpath"),
    lines: text(row, "lines").split("\n"),
    seq: integer(row, "seq"),
    epoch: integer(row, "epoch"),
  };
}
