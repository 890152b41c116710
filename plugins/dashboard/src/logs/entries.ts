import type { AuditLine } from "@claudeway/core";
import type { Line } from "./tail.js";

export const LEVELS = ["INFO", "WARN", "ERROR"] as const;
export type Level = (typeof LEVELS)[number];

/** A line of a log, and where it stands. */
export interface LogEntry extends AuditLine {
  /** Folder, month and offset: the same line has the same id for good. */
  readonly id: string;
}

export interface LogFilter {
  readonly level?: Level | undefined;
  /** Anywhere in the line, whatever the case. */
  readonly search?: string | undefined;
  /** The beginning of its timestamp: `2026-03`, `2026-03-12`. */
  readonly date: string;
  /** Later than this only: ISO 8601, UTC. */
  readonly after?: string | undefined;
}

/** Turns lines into the entries that a filter lets through. */
export class LogReader {
  readonly #needle: string | undefined;
  readonly #level: string | undefined;

  constructor(private readonly filter: LogFilter) {
    const { search, level } = filter;
    // As it stands in the file, where a quote has a backslash.
    this.#needle = search === undefined ? undefined : JSON.stringify(search).slice(1, -1).toLowerCase();
    this.#level = level === undefined ? undefined : `"level":"${level}"`;
  }

  /** Undefined: filtered out, or no line of ours. */
  read({ text, offset }: Line, file: string): LogEntry | undefined {
    // Text is compared before JSON is parsed, which takes ten times as long.
    if (this.#level !== undefined && !text.includes(this.#level)) return undefined;
    if (this.#needle !== undefined && !text.toLowerCase().includes(this.#needle)) return undefined;
    const line = parse(text);
    return line !== undefined && this.#wants(line) ? { ...line, id: `${file}:${offset}` } : undefined;
  }

  /** Whether nothing before a line of this time can be wanted. */
  isPast(timestamp: string): boolean {
    const { date, after = "" } = this.filter;
    return timestamp < date || timestamp < slackBefore(after);
  }

  #wants({ timestamp, level }: AuditLine): boolean {
    const { date, after, level: wanted } = this.filter;
    if (!timestamp.startsWith(date) || (after !== undefined && timestamp <= after)) return false;
    return wanted === undefined || level === wanted;
  }
}

/** Lines are written in the order in which things ended, which is nearly that of their timestamps. */
const SLACK_MS = 10_000;

function slackBefore(timestamp: string): string {
  const at = Date.parse(timestamp);
  return Number.isNaN(at) ? "" : new Date(at - SLACK_MS).toISOString();
}

/** The line, or undefined where it is damaged: cut off by a full disk, say. */
function parse(text: string): AuditLine | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return isAuditLine(line) ? line : undefined;
  } catch {
    return undefined;
  }
}

function isAuditLine(line: unknown): line is AuditLine {
  return (
    typeof line === "object" &&
    line !== null &&
    "timestamp" in line &&
    typeof line.timestamp === "string" &&
    "message" in line &&
    typeof line.message === "string"
  );
}
