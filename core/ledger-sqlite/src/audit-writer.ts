import { appendFileSync, closeSync, constants, fstatSync, lstatSync, openSync, readSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { makeFolder } from "@claudeway/core/host";
import type { AuditLine } from "@claudeway/schemas";
import type { LossReport } from "./loss-report.js";

/** The folder of unauthenticated requests; no key may have this id. */
export const UNAUTHORIZED = "_unauthorized";

export interface AuditWriterOptions {
  readonly dir: string;
  readonly losses: LossReport;
  /** The size of the queue, in bytes. */
  readonly queueBytes: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface Batch {
  readonly folder: string;
  readonly month: string;
  readonly lines: string[];
  bytes: number;
}

const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
const NEWLINE = 0x0a;
/** How long lines are collected for one write, in ms: separate writes need four system calls each. */
const GATHER_MS = 20;
/** The number of files whose end is remembered, and of folders whose path is; any other is inspected before a write. */
const MAX_WHOLE = 1000;

/** Appends lines to the files of the log folder, in order, with one write at a time and a bounded queue. */
export class AuditWriter {
  #waiting = new Map<string, Batch>();
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  /** Ends the current collection of lines. */
  #hurry: () => void = () => undefined;
  /** Files whose last line is complete because this writer wrote it. */
  readonly #whole = new Set<string>();
  /** The paths of folders by their names. */
  readonly #paths = new Map<string, string>();
  /** The number of lines that each folder lost since its last successful write. */
  readonly #lost = new Map<string, number>();

  constructor(private readonly options: AuditWriterOptions) {}

  /** Queues a line, which must end with a newline. */
  add(folder: string, month: string, line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#waitingBytes + bytes > this.options.queueBytes) {
      this.#lose(folder, 1, "the write queue is full");
      return;
    }
    this.#waitingBytes += bytes;
    const batch = this.#batch(folder, month);
    batch.lines.push(line);
    batch.bytes += bytes;
    this.#writing ??= this.#writeAll();
  }

  async flush(): Promise<void> {
    this.#hurry();
    await this.#writing;
  }

  #batch(folder: string, month: string): Batch {
    const name = `${folder}/${month}`;
    const known = this.#waiting.get(name);
    if (known !== undefined) return known;
    const batch: Batch = { folder, month, lines: [], bytes: 0 };
    this.#waiting.set(name, batch);
    return batch;
  }

  async #writeAll(): Promise<void> {
    await this.#gather();
    while (this.#waiting.size > 0) {
      const batches = [...this.#waiting.values()];
      this.#waiting = new Map();
      for (const batch of batches) this.#write(batch);
    }
    this.#writing = undefined;
  }

  #gather(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, GATHER_MS);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #write({ folder, month, lines, bytes }: Batch): void {
    const text = lines.join("");
    const lost = this.#lost.get(folder) ?? 0;
    try {
      const path = `${this.#prepareFolder(folder)}/${month}.log`;
      this.#append(path, `${lost > 0 ? this.#lossLine(folder, lost) : ""}${text}`);
      if (lost > 0) this.#lost.delete(folder);
    } catch (error) {
      this.#lose(folder, lines.length, error instanceof Error ? error.message : String(error));
    } finally {
      this.#waitingBytes -= bytes;
    }
  }

  #append(path: string, text: string): void {
    // A truncated line (disk full, kill) must not merge with the next one.
    const whole = this.#whole.delete(path);
    append(path, text, !whole);
    if (this.#whole.size >= MAX_WHOLE) this.#whole.clear();
    this.#whole.add(path);
  }

  #lose(folder: string, lines: number, reason: string): void {
    this.#lost.set(folder, (this.#lost.get(folder) ?? 0) + lines);
    this.options.losses.add(lines, reason);
  }

  #lossLine(folder: string, lines: number): string {
    const timestamp = new Date(this.options.now()).toISOString();
    const key_id = folder === UNAUTHORIZED ? null : folder;
    const line: AuditLine = { timestamp, level: "WARN", key_id, message: `lines lost near here: ${lines}` };
    return `${JSON.stringify(line)}\n`;
  }

  /** Creates the folder if it is missing. Refuses a name that leaves the log folder, and a symbolic link. */
  #prepareFolder(folder: string): string {
    const path = this.#paths.get(folder) ?? this.#pathOf(folder);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) makeFolder(path);
    else if (!found.isDirectory()) throw new Error(`${path} must be a directory, not a link or a file`);
    return path;
  }

  #pathOf(folder: string): string {
    const base = resolve(this.options.dir);
    const path = resolve(base, folder);
    if (dirname(path) !== base || basename(path) !== folder) {
      throw new Error(`${JSON.stringify(folder)} is not a valid folder name`);
    }
    if (this.#paths.size >= MAX_WHOLE) this.#paths.clear();
    this.#paths.set(folder, path);
    return path;
  }
}

/** At once: this is four calls of the system, and a thread for each of them costs more than all four. */
function append(path: string, text: string, look: boolean): void {
  const file = openSync(path, APPEND, 0o600);
  try {
    const start = look && endsMidLine(file) ? "\n" : "";
    appendFileSync(file, start + text);
  } finally {
    closeSync(file);
  }
}

function endsMidLine(file: number): boolean {
  const { size } = fstatSync(file);
  if (size === 0) return false;
  const buffer = Buffer.alloc(1);
  return readSync(file, buffer, 0, 1, size - 1) === 1 && buffer[0] !== NEWLINE;
}
