import type { AuditLine } from "@claudeway/core";
import type { Line } from "./tail.js";

export const LEVELS = ["INFO", "WARN", "ERROR"] as const;
export type Level = (typeof LEVELS)[number];

/** What a line reports: a turn that ended, a request that was answered, or a decision on a tool call. */
export const KINDS = ["turn", "request", "approval"] as const;
export type Kind = (typeof KINDS)[number];

/** The field that the lines of a kind have, and no others. */
const FIELD = {
  turn: "claude_exit_code",
  request: "method",
  approval: "approval_id",
} as const satisfies Readonly<Record<Kind, keyof AuditLine>>;

/** A log line and its position. */
export interface LogEntry extends AuditLine {
  /** Folder, month and offset: the id of a line never changes. */
  readonly id: string;
  /** In a cluster: the gateway that wrote it, or that ran the turn. */
  readonly node?: string;
}

export interface LogFilter {
  readonly level?: Level | undefined;
  readonly kind?: Kind | undefined;
  /** Anywhere in the line, case-insensitive. */
  readonly search?: string | undefined;
  /** No lines of these kinds. */
  readonly without?: readonly Kind[] | undefined;
  /** Prefix of the timestamp: `2026-03`, `2026-03-12`. */
  readonly date: string;
  /** Only lines later than this: ISO 8601, UTC. */
  readonly after?: string | undefined;
}

/** In a cluster, lines of these kinds are read from the ledger: they outlive the machine that wrote them. */
export const IN_LEDGER = ["turn", "approval"] as const satisfies readonly Kind[];

export function isOf(line: AuditLine, kinds: readonly Kind[]): boolean {
  return kinds.some((kind) => line[FIELD[kind]] !== undefined);
}

/** Converts lines to entries and applies a filter. */
export class LogReader {
  readonly #needle: string | undefined;
  readonly #level: string | undefined;
  readonly #field: (typeof FIELD)[Kind] | undefined;

  constructor(private readonly filter: LogFilter) {
    const { search, level, kind } = filter;
    // As written in the file, where a quote is escaped.
    this.#needle = search === undefined ? undefined : JSON.stringify(search).slice(1, -1).toLowerCase();
    this.#level = level === undefined ? undefined : `"level":"${level}"`;
    this.#field = kind === undefined ? undefined : FIELD[kind];
  }

  /** Undefined if filtered out or malformed. */
  read({ text, offset }: Line, file: string): LogEntry | undefined {
    // Compare the text before parsing the JSON, which is ten times slower.
    if (this.#level !== undefined && !text.includes(this.#level)) return undefined;
    if (this.#field !== undefined && !text.includes(`"${this.#field}":`)) return undefined;
    if (this.#needle !== undefined && !text.toLowerCase().includes(this.#needle)) return undefined;
    const line = parse(text);
    return line !== undefined && this.#wants(line) ? { ...line, id: `${file}:${offset}` } : undefined;
  }

  /** Whether no line before this time can match. */
  isPast(timestamp: string): boolean {
    const { date, after = "" } = this.filter;
    return timestamp < date || timestamp < slackBefore(after);
  }

  #wants(line: AuditLine): boolean {
    const { timestamp, level } = line;
    const { date, after, level: wanted, without = [] } = this.filter;
    if (isOf(line, without)) return false;
    if (this.#field !== undefined && line[this.#field] === undefined) return false;
    if (!timestamp.startsWith(date) || (after !== undefined && timestamp <= after)) return false;
    return wanted === undefined || level === wanted;
  }
}

/** Lines are written as things end, which is nearly the order of their timestamps. */
const SLACK_MS = 10_000;

function slackBefore(timestamp: string): string {
  const at = Date.parse(timestamp);
  return Number.isNaN(at) ? "" : new Date(at - SLACK_MS).toISOString();
}

/** The line, or undefined if it is damaged, for example cut off by a full disk. */
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
