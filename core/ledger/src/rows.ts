import type { Instant, Totals } from "@claudeway/ports";
import type { Tokens } from "@claudeway/schemas";
import { usdOf } from "./money.js";

/** A row as SQLite returns it; its values are checked when they are read. */
export type Row = Readonly<Record<string, unknown>>;

export function toRow(value: unknown): Row {
  if (!isRow(value)) throw new TypeError("ledger: a row must be an object");
  return value;
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null;
}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw wrongType(row, column, "text");
  return value;
}

export function maybeText(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column);
}

export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw wrongType(row, column, "an integer");
  return value;
}

export function maybeInteger(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : integer(row, column);
}

export function bytes(row: Row, column: string): Buffer {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw wrongType(row, column, "bytes");
  return Buffer.from(value);
}

/** Bytes as hexadecimal text. */
export function hex(row: Row, column: string): string {
  return bytes(row, column).toString("hex");
}

export function instant(row: Row, column: string): Instant {
  return new Date(integer(row, column)).toISOString();
}

/** Milliseconds since 1970. */
export function toMs(at: Instant): number {
  const ms = Date.parse(at);
  if (Number.isNaN(ms)) throw new RangeError(`ledger: ${JSON.stringify(at)} is not a valid time`);
  return ms;
}

export function tokens(row: Row): Tokens {
  return {
    input: integer(row, "input"),
    output: integer(row, "output"),
    cache_read: integer(row, "cache_read"),
    cache_write: integer(row, "cache_write"),
  };
}

export function totals(row: Row): Totals {
  return {
    tokens: tokens(row),
    costUsd: usdOf(integer(row, "cost_nano")),
    estimated: integer(row, "estimated"),
    unpriced: integer(row, "unpriced"),
  };
}

function wrongType(row: Row, column: string, wanted: string): TypeError {
  return new TypeError(`ledger: column ${column} must be ${wanted}, got ${typeof row[column]}`);
}
