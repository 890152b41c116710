import type { Approval, PermissionDenial, TurnResponse } from "@claudeway/schemas";
import { viewOf } from "../approvals/view.js";
import type { TurnEvent } from "../ports/turns.js";
import { weightOf } from "./weight.js";

/** How a reader wants text: all of it so far, or only what is new. */
export type TextMode = "text" | "delta";

/** One thing to send. `id` is that of the last event that it covers. */
export interface Frame {
  readonly id: number;
  readonly event: TurnEvent["type"];
  readonly data:
    | string
    | readonly PermissionDenial[]
    | TurnResponse
    | Approval
    | { readonly position: number };
}

type Entry =
  | { readonly type: "text"; readonly end: number }
  | { readonly type: "other"; readonly frame: Omit<Frame, "id"> };

export interface ReadOptions {
  readonly mode: TextMode;
  /** The id of the last event that the reader has seen; 0 for none. */
  readonly after: number;
  /** After this many ms without an event, `null` is yielded: time for a comment that keeps proxies awake. */
  readonly heartbeatMs: number;
}

/** "Text so far" grows with every token; sending it more often than this helps nobody and costs the square. */
const TEXT_INTERVAL_MS = 50;

/** What an event of text takes beside its characters, in bytes: its entry, and its piece of the text until that is joined. */
const TEXT_EVENT_BYTES = 120;

/**
 * The events of one turn, from the first to `done`, for any number of readers, each at its own speed.
 *
 * The text is kept once; an event of it is only an offset. A reader pulls: what gathered while it was busy comes as one
 * frame, so a slow one costs no memory, and one that comes back with an id goes on from there.
 */
export class TurnStream {
  readonly #entries: Entry[] = [];
  /** How many events of before the turn was parked the first entry stands for, beside itself. */
  readonly #skipped: number;
  /** Set where only the result is known any more: the ids that readers have are of events that nobody kept. */
  #resultOnly = false;
  #text = "";
  /** What the events take that are no text. */
  #otherBytes = 0;
  #changed = deferred();
  #done = false;

  /** @param before where the stream stood when the turn was parked: it goes on from there */
  constructor(before?: { readonly text: string; readonly lastId: number }) {
    this.#skipped = before === undefined ? 0 : before.lastId - 1;
    if (before !== undefined) this.push({ type: "text", delta: before.text });
  }

  /** Of a turn that is only in the ledger: one event with all its text, and the end. */
  static ofEnded(response: TurnResponse): TurnStream {
    const stream = new TurnStream();
    const { result, permission_denials: denials } = response;
    if (result !== "") stream.push({ type: "text", delta: result });
    if (denials) stream.push({ type: "permission_denied", denials });
    stream.push({ type: "done", response });
    stream.#resultOnly = true;
    return stream;
  }

  /** All the text so far. */
  get text(): string {
    return this.#text;
  }

  /** About how much memory it takes, in bytes: rather too much than too little. */
  get bytes(): number {
    return weightOf(this.#text) + TEXT_EVENT_BYTES * this.#entries.length + this.#otherBytes;
  }

  get lastId(): number {
    return this.#entries.length + this.#skipped;
  }

  /** Appends an event; after `done` there is none. */
  push(event: TurnEvent): void {
    if (this.#done) return;
    const entry = this.#toEntry(event);
    this.#entries.push(entry);
    if (entry.type === "other") this.#otherBytes += weightOf(entry);
    this.#done = event.type === "done";
    const { resolve } = this.#changed;
    this.#changed = deferred();
    resolve();
  }

  /** Yields frames from `after` on, and ends after `done`. */
  async *read({ mode, after, heartbeatMs }: ReadOptions): AsyncGenerator<Frame | null, void> {
    if (this.#resultOnly && after > 0) {
      yield* this.#ending(mode, after);
      return;
    }
    let cursor = Math.min(Math.max(after - this.#skipped, 0), this.#entries.length);
    let lastTextAt = 0;
    for (;;) {
      if (cursor >= this.#entries.length) {
        if (this.#done) return;
        if (!(await this.#waitForMore(heartbeatMs))) yield null;
        continue;
      }
      if (mode === "text" && this.#entries[cursor]?.type === "text" && !this.#done) {
        await pause(lastTextAt + TEXT_INTERVAL_MS - performance.now());
        lastTextAt = performance.now();
      }
      const frame = this.#frameAt(cursor, mode);
      cursor = frame.id;
      yield { ...frame, id: frame.id + this.#skipped };
    }
  }

  /** For a reader that had some of what nobody kept: all the text again, or no more of it, and the end. */
  *#ending(mode: TextMode, after: number): Generator<Frame, void> {
    let id = after;
    for (let cursor = 0; cursor < this.#entries.length; ) {
      const frame = this.#frameAt(cursor, mode);
      cursor = frame.id;
      if (mode === "text" || frame.event !== "text") yield { ...frame, id: ++id };
    }
  }

  /** The frame that starts at an entry: a run of text becomes one. */
  #frameAt(cursor: number, mode: TextMode): Frame {
    const entry = this.#entries[cursor];
    if (entry === undefined) throw new RangeError(`no event at ${cursor}`);
    if (entry.type === "other") return { ...entry.frame, id: cursor + 1 };
    let id = cursor;
    let end = 0;
    for (let next = this.#entries[id]; next?.type === "text"; next = this.#entries[id]) {
      end = next.end;
      id++;
    }
    const from = mode === "text" ? 0 : this.#textBefore(cursor);
    return { id, event: "text", data: this.#text.slice(from, end) };
  }

  /** Where the text ends that was there before an entry. */
  #textBefore(cursor: number): number {
    for (let index = cursor - 1; index >= 0; index--) {
      const entry = this.#entries[index];
      if (entry?.type === "text") return entry.end;
    }
    return 0;
  }

  #toEntry(event: TurnEvent): Entry {
    switch (event.type) {
      case "text":
        this.#text += event.delta;
        return { type: "text", end: this.#text.length };
      case "queued":
        return { type: "other", frame: { event: "queued", data: { position: event.position } } };
      case "permission_request":
      case "permission_resolved":
        return { type: "other", frame: { event: event.type, data: viewOf(event.approval) } };
      case "permission_denied":
        return { type: "other", frame: { event: "permission_denied", data: event.denials } };
      case "done":
        return { type: "other", frame: { event: "done", data: event.response } };
    }
  }

  /** True when something came, false when it is time for a heartbeat. */
  async #waitForMore(heartbeatMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const heartbeat = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, heartbeatMs, false);
    });
    try {
      return await Promise.race([this.#changed.promise.then(() => true), heartbeat]);
    } finally {
      clearTimeout(timer);
    }
  }
}

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function deferred(): Deferred {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function pause(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
