import type { AuditPosition, LedgerLine } from "@claudeway/core";
import type { LogEntry, LogReader } from "./entries.js";
import type { EntrySource, ReadBudget } from "./merge.js";

/** Reads lines that are older than a position. */
type Read = (before: AuditPosition | undefined, limit: number) => Promise<readonly LedgerLine[]>;

export interface LedgerSourceOptions {
  /** The kind of its lines; part of their ids. */
  readonly kind: string;
  readonly read: Read;
  readonly reader: LogReader;
  readonly budget: ReadBudget;
  /** Lines that are read at once. */
  readonly batch: number;
}

/** The matching entries of one kind in the ledger, newest first. */
export class LedgerSource implements EntrySource {
  #lines: readonly LedgerLine[] = [];
  #next = 0;
  #isLast = false;
  /** The last line that is done. */
  #done: AuditPosition | undefined;
  /** The last line before the head. */
  #beforeHead: AuditPosition | undefined;
  head: LogEntry | undefined;

  private constructor(
    private readonly options: LedgerSourceOptions,
    before: AuditPosition | undefined,
  ) {
    this.#done = before;
    this.#beforeHead = before;
  }

  static async open(options: LedgerSourceOptions, before?: AuditPosition): Promise<LedgerSource> {
    const source = new LedgerSource(options, before);
    await source.advance();
    return source;
  }

  async advance(): Promise<void> {
    this.head = undefined;
    do {
      for (let line = this.#lines[this.#next]; line !== undefined; line = this.#lines[this.#next]) {
        this.#next += 1;
        this.#beforeHead = this.#done;
        this.#done = line.position;
        this.head = this.#entryOf(line);
        if (this.head !== undefined) return;
      }
    } while (await this.#readBatch());
  }

  /** Whether an entry is left, or lines are that were not read. */
  get isAtEnd(): boolean {
    return this.head === undefined && this.#isLast;
  }

  /** After which line the next request continues; undefined: at the first one. */
  get resume(): AuditPosition | undefined {
    return this.head === undefined ? this.#done : this.#beforeHead;
  }

  #entryOf({ line, node, position }: LedgerLine): LogEntry | undefined {
    const { reader, kind, budget } = this.options;
    const text = JSON.stringify(line);
    budget.left -= text.length;
    const entry = reader.read({ text, offset: position.seq }, kind);
    return entry && { ...entry, ...(node !== undefined && { node }) };
  }

  async #readBatch(): Promise<boolean> {
    const { read, budget, batch } = this.options;
    if (this.#isLast || budget.left <= 0) return false;
    this.#lines = await read(this.#done, batch);
    this.#next = 0;
    this.#isLast = this.#lines.length < batch;
    return true;
  }
}
