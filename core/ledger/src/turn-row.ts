import type { ChildNote, EndedTurn, ParkedTurn, TurnEnd, TurnRecord } from "@claudeway/ports";
import type { Row } from "./rows.js";
import { hex, instant, integer, maybeInteger, maybeText, text, tokens } from "./rows.js";
import { sharesFromJson, sharesToJson } from "./share-json.js";
import { type Booked, book, join, toUsage } from "./shares.js";
import type { Sql, Work } from "./sql.js";

const ENDS: Readonly<Record<TurnEnd, true>> = {
  completed: true,
  failed: true,
  refused: true,
  interrupted: true,
  timeout: true,
  lost: true,
};

/** Reads turns as `t`, joined with their sessions as `s`. */
export const SELECT_TURN =
  "SELECT t.*, s.id AS session_id, s.kind, s.epoch AS session_epoch FROM turns t JOIN sessions s ON s.seq = t.session_seq";

/** Reads of a turn what its end changes in the ledger: every turn ends, and most columns of its row are not needed for it. */
export const SELECT_BOOKED = `SELECT t.seq, t.id, t.session_seq, t.key_id, t.model, t."end", t.booked, t.parked, t.epoch,
  s.id AS session_id, s.epoch AS session_epoch FROM turns t JOIN sessions s ON s.seq = t.session_seq`;

/** What a turn has used, as columns that are set; the values are those of `columnsOf`. */
export const USED = `input = ?, output = ?, cache_read = ?, cache_write = ?, cost_nano = ?, estimated = ?, unpriced = ?,
  by_model = ?`;
/** The values of USED for a turn without usage. */
export const NOTHING_USED = [0, 0, 0, 0, 0, 0, 0, null] as const;
/** The process of a turn, as columns that are set; the values are those of `placeOf`. */
export const PROCESS = "pid = ?, start_time = ?, marker = ?";

export function* findTurn(sql: Sql, turnId: string): Work<Row | undefined> {
  return yield* sql.one(`${SELECT_TURN} WHERE t.id = ?`, turnId);
}

/** A row of `turns`, joined with `session_id` and `kind` of its session. */
export function toTurn(row: Row): TurnRecord {
  const pid = maybeInteger(row, "pid");
  return {
    id: text(row, "id"),
    sessionId: text(row, "session_id"),
    kind: text(row, "kind") === "task" ? "task" : "session",
    keyId: text(row, "key_id"),
    origin: text(row, "origin") === "background" ? "background" : "prompt",
    createdAt: instant(row, "created_at"),
    ...metadataOf(maybeText(row, "metadata")),
    route: text(row, "route"),
    model: text(row, "model"),
    prompt: { bytes: integer(row, "prompt_bytes"), sha256: hex(row, "prompt_sha256") },
    process:
      pid === undefined
        ? undefined
        : { pid, startTime: integer(row, "start_time"), marker: text(row, "marker") },
    usage: maybeText(row, "end") === undefined ? usageSoFar(row) : usageOf(row),
    ended: endOf(row),
    parked: parkedOf(row),
    ...(maybeText(row, "booked") !== undefined && { wasParked: true }),
  };
}

/** The usage of an open turn that is already in the totals because the turn was parked. */
export function bookedOf(row: Row): Booked | undefined {
  const json = maybeText(row, "booked");
  if (json === undefined) return undefined;
  // Written by `park`.
  const booked: Booked = JSON.parse(json);
  return booked;
}

/** The usage in the row: of an open turn since it was last parked, or since it began; of an ended one, all of it. */
export function usageOf(row: Row): TurnRecord["usage"] {
  const whole = {
    tokens: tokens(row),
    costNano: integer(row, "cost_nano"),
    estimated: integer(row, "estimated") === 1,
    unpriced: integer(row, "unpriced") === 1,
  };
  const json = maybeText(row, "by_model");
  return toUsage(whole, json === undefined ? [] : sharesFromJson(json, whole));
}

function usageSoFar(row: Row): TurnRecord["usage"] {
  const booked = bookedOf(row);
  if (booked === undefined) return usageOf(row);
  const whole = join(booked, book(usageOf(row), text(row, "model")));
  return toUsage(whole, whole.shares);
}

function metadataOf(json: string | undefined): Pick<TurnRecord, "metadata"> {
  if (json === undefined) return {};
  const metadata: Readonly<Record<string, string>> = JSON.parse(json);
  return { metadata };
}

function parkedOf(row: Row): ParkedTurn | undefined {
  const json = maybeText(row, "parked");
  if (json === undefined) return undefined;
  const parked: ParkedTurn = JSON.parse(json);
  return parked;
}

function endOf(row: Row): EndedTurn | undefined {
  const end = maybeText(row, "end");
  if (end === undefined) return undefined;
  if (!isEnd(end)) throw new TypeError(`ledger: unknown end of a turn: ${JSON.stringify(end)}`);
  return {
    end,
    at: instant(row, "ended_at"),
    model: text(row, "answered_by"),
    durationMs: integer(row, "duration_ms"),
    queuedMs: integer(row, "queued_ms"),
    exitCode: maybeInteger(row, "exit_code") ?? null,
  };
}

export function isEnd(value: string): value is TurnEnd {
  return Object.hasOwn(ENDS, value);
}

/** The values of USED. */
export function columnsOf(booked: Booked): [number, number, number, number, number, number, number, string] {
  const { tokens, costNano, estimated, unpriced } = booked;
  return [
    tokens.input,
    tokens.output,
    tokens.cache_read,
    tokens.cache_write,
    costNano,
    estimated ? 1 : 0,
    unpriced ? 1 : 0,
    sharesToJson(booked),
  ];
}

/** The values of PROCESS. */
export function placeOf({ pid, startTime, marker }: ChildNote): [number, number, string] {
  return [pid, startTime, marker];
}
