import type { PageFormat } from "@claudeway/core";
import { ago, compact, count, duration, usd, utc } from "../lib/format.js";
import { runsOf } from "../lib/signs.js";

/** What a route of a plugin answered, or a row of it. */
export type Data = Readonly<Record<string, unknown>>;

function isData(value: unknown): value is Data {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The field of an answer by its path, such as `tokens.input`; undefined if it has none. */
export function valueAt(data: unknown, path: string): unknown {
  let found = data;
  for (const name of path.split(".")) {
    if (!isData(found) || !Object.hasOwn(found, name)) return undefined;
    found = found[name];
  }
  return found;
}

/** The rows of an answer. */
export function rowsOf(data: unknown, path: string): readonly Data[] {
  const found = valueAt(data, path);
  return Array.isArray(found) ? found.filter(isData) : [];
}

/** A path with fields of a row in it, so that no value can change its form. */
export function fill(template: string, row: unknown): string {
  return template.replace(/\{([^}]*)\}/g, (_, path: string) => segment(text(valueAt(row, path))));
}

/** Browsers resolve `.` and `..` however they are written; no row can have such a name in a path. */
function segment(value: string): string {
  return encodeURIComponent(/^\.{1,2}$/.test(value) ? "\ufffd" : value);
}

/** A value as text. */
export function shown(value: unknown, format: PageFormat = "text", missing = "–", now = Date.now()): string {
  if (value === null || value === undefined || value === "") return missing;
  if (format === "tokens" && isData(value)) {
    return `${compact(numberOf(value["input"]))}, ${compact(numberOf(value["output"]))}`;
  }
  if (typeof value === "number") return shownNumber(value, format);
  if (format === "yes_no") return value === true ? "yes" : "no";
  if (
    (format === "time" || format === "ago") &&
    typeof value === "string" &&
    !Number.isNaN(Date.parse(value))
  ) {
    return format === "time" ? utc(value) : ago(value, now);
  }
  return visible(text(value)) || missing;
}

/** Invisible characters by code point, so that two names that differ look different. */
function visible(value: string): string {
  return runsOf(value)
    .map(({ text, hidden }) => (hidden ? `[${text}]` : text))
    .join("");
}

function shownNumber(value: number, format: PageFormat): string {
  if (format === "usd") return usd(value);
  if (format === "percent") return `${count(Math.round(value * 1000) / 10)} %`;
  if (format === "duration") return duration(value);
  return count(value);
}

const LONG_WORD = /\S{25}/;

/** Whether a value has a word that may be broken. */
export function isLong(text: string): boolean {
  return LONG_WORD.test(text);
}

/** An amount is in dollars where its row says so. */
export function formatIn(row: Data, format: PageFormat = "text"): PageFormat {
  if (format !== "amount") return format;
  return row["unit"] === "usd" ? "usd" : "number";
}

/** Numbers are right-aligned, so that they can be compared. */
export function isNumeric(format: PageFormat = "text"): boolean {
  return ["number", "amount", "usd", "tokens", "percent", "duration"].includes(format);
}

export function numberOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function text(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(text).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
