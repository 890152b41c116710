import type { DestinationStream } from "pino";

/** A line of the operator's log. */
export interface LogLine {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal";
  readonly msg: string;
  /** The plugin that wrote it, if any. */
  readonly plugin?: string;
  readonly [more: string]: unknown;
}

/** Keeps the most recent lines. */
export class LogLines implements DestinationStream {
  readonly lines: LogLine[] = [];

  constructor(private readonly limit: number) {}

  write(text: string): void {
    this.lines.push(JSON.parse(text));
    if (this.lines.length > this.limit) this.lines.shift();
  }
}
