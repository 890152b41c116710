import { type FileHandle, open } from "node:fs/promises";
import type { LogEntry, LogReader } from "./entries.js";
import type { LogFile } from "./files.js";
import type { EntrySource, ReadBudget } from "./merge.js";
import { type Line, type Lines, readBackwards } from "./tail.js";

/** The matching entries of one file, newest first. */
export class LogSource implements EntrySource {
  readonly #name: string;
  readonly #chunks: AsyncGenerator<Lines, void>;
  #lines: readonly Line[] = [];
  #next = 0;
  /** The newest entry that was not returned yet. */
  head: LogEntry | undefined;
  /** All lines from here on are done; 0 when the whole file is read. */
  position: number;

  private constructor(
    private readonly handle: FileHandle,
    private readonly reader: LogReader,
    private readonly budget: ReadBudget,
    readonly file: LogFile,
    end: number,
  ) {
    this.#name = `${file.folder}/${file.path.slice(-11, -4)}`;
    this.position = end;
    this.#chunks = readBackwards(handle, end);
  }

  static async open(file: LogFile, reader: LogReader, budget: ReadBudget, end: number): Promise<LogSource> {
    const source = new LogSource(await open(file.path, "r"), reader, budget, file, Math.min(end, file.size));
    await source.advance();
    return source;
  }

  /** Finds the next head; there is none at the start of the file or when the budget is used up. */
  async advance(): Promise<void> {
    this.head = undefined;
    for (;;) {
      for (let line = this.#lines[this.#next]; line !== undefined; line = this.#lines[this.#next]) {
        this.#next += 1;
        const entry = this.reader.read(line, this.#name);
        this.position = line.offset;
        if (entry !== undefined) {
          this.head = entry;
          return;
        }
      }
      if (!(await this.#readChunk())) return;
    }
  }

  /** Where the next request continues: before the head if it is returned now, else after it. */
  get resume(): number {
    return this.head === undefined ? this.position : this.#endOfHead;
  }

  get isAtEnd(): boolean {
    return this.position === 0;
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  get #endOfHead(): number {
    const line = this.#lines[this.#next - 1];
    return line === undefined ? this.position : line.offset + Buffer.byteLength(line.text) + 1;
  }

  async #readChunk(): Promise<boolean> {
    const oldest = this.#lines.at(-1);
    if (oldest !== undefined && this.reader.isPast(timestampOf(oldest))) {
      this.position = 0;
      return false;
    }
    if (this.budget.left <= 0) return false;
    const { value, done } = await this.#chunks.next();
    if (done === true || value === undefined) {
      this.position = 0;
      return false;
    }
    this.budget.left -= value.bytes;
    this.#lines = value.lines;
    this.#next = 0;
    return true;
  }
}

/** Every audit line starts with its timestamp; a line that does not proves nothing. */
function timestampOf({ text }: Line): string {
  return /^\{"timestamp":"([^"]{10,30})"/.exec(text)?.[1] ?? "\uffff";
}
