import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { makeFolder } from "@claudeway/core/host";
import type { AuditLine } from "@claudeway/schemas";
import type { LossReport } from "./loss-report.js";

/** The folder of requests that nobody was authenticated for; no key may have this id. */
export const UNAUTHORIZED = "_unauthorized";

export interface AuditWriterOptions {
  readonly dir: string;
  readonly losses: LossReport;
  /** Bytes that may wait. */
  readonly queueBytes: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface Batch {
  readonly folder: string;
  readonly month: string;
  readonly lines: string[];
}

const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
const NEWLINE = 0x0a;
/** How long lines are gathered that go in one write, in ms: a burst of turns would take four calls of the system for each. */
const GATHER_MS = 20;
/** Files whose end is remembered; any other is looked at before it is written to. */
const MAX_WHOLE = 1000;

/** Appends lines to the files of the log folder, in order, with one write at a time and a bounded queue before it. */
export class AuditWriter {
  #waiting = new Map<string, Batch>();
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  /** Ends the gathering. */
  #hurry: () => void = () => undefined;
  /** Files whose last line is known to be whole, since it was written here. */
  readonly #whole = new Set<string>();
  /** Lines that a folder lost since its last successful write. */
  readonly #lost = new Map<string, number>();

  constructor(private readonly options: AuditWriterOptions) {}

  /** `line` ends in its newline. */
  add(folder: string, month: string, line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#waitingBytes + bytes > this.options.queueBytes) {
      this.#lose(folder, 1, "they come faster than they can be written");
      return;
    }
    this.#waitingBytes += bytes;
    const batch = this.#batch(folder, month);
    batch.lines.push(line);
    this.#writing ??= this.#writeAll();
  }

  async flush(): Promise<void> {
    this.#hurry();
    await this.#writing;
  }

  #batch(folder: string, month: string): Batch {
    const name = `${folder}/${month}`;
    const batch = this.#waiting.get(name) ?? { folder, month, lines: [] };
    this.#waiting.set(name, batch);
    return batch;
  }

  async #writeAll(): Promise<void> {
    await this.#gather();
    while (this.#waiting.size > 0) {
      const batches = [...this.#waiting.values()];
      this.#waiting = new Map();
      for (const batch of batches) await this.#write(batch);
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

  async #write({ folder, month, lines }: Batch): Promise<void> {
    const text = lines.join("");
    const lost = this.#lost.get(folder) ?? 0;
    try {
      const path = join(await this.#prepareFolder(folder), `${month}.log`);
      await this.#append(path, `${lost > 0 ? this.#lossLine(folder, lost) : ""}${text}`);
      // More may have been lost while this was written.
      this.#lost.set(folder, (this.#lost.get(folder) ?? 0) - lost);
    } catch (error) {
      this.#lose(folder, lines.length, error instanceof Error ? error.message : String(error));
    } finally {
      this.#waitingBytes -= Buffer.byteLength(text);
    }
  }

  async #append(path: string, text: string): Promise<void> {
    // A line that was cut off (disk full, kill) must not swallow the next one.
    const whole = this.#whole.delete(path);
    await append(path, text, !whole);
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

  /** Makes the folder where it is missing. A name that leads elsewhere, and a link, are refused. */
  async #prepareFolder(folder: string): Promise<string> {
    const base = resolve(this.options.dir);
    const path = resolve(base, folder);
    if (dirname(path) !== base || basename(path) !== folder) {
      throw new Error(`${JSON.stringify(folder)} is no name for a folder`);
    }
    makeFolder(path);
    if (!(await lstat(path)).isDirectory()) throw new Error(`${path} is no folder of ours`);
    return path;
  }
}

async function append(path: string, text: string, look: boolean): Promise<void> {
  const file = await open(path, APPEND, 0o600);
  try {
    const start = look && (await endsMidLine(file)) ? "\n" : "";
    await file.appendFile(start + text);
  } finally {
    await file.close();
  }
}

async function endsMidLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return bytesRead === 1 && buffer[0] !== NEWLINE;
}
