import type { Frame, TextMode, TurnEvent } from "@claudeway/ports";
import type { StreamedThinking, TurnResponse } from "@claudeway/schemas";
import { approvalView } from "./approval-view.js";
import { kindOf } from "./event-kinds.js";
import { GrowingText } from "./growing-text.js";
import { TextEnds } from "./text-ends.js";
import { TextSpan, textFrame } from "./text-frame.js";
import { weightOf } from "./weight.js";

type Entry =
  | { readonly type: "thinking"; readonly data: StreamedThinking }
  | { readonly type: "other"; readonly frame: Omit<Frame, "id"> };

/** What a reader gets next. `id` is that of the last event that it covers, without those from before the turn was parked. */
type Step = Pick<Frame, "id" | "event"> & { readonly data: Frame["data"] | TextSpan };

export interface ReadOptions {
  readonly mode: TextMode;
  /** The id of the last event that the reader has seen; 0 for none. */
  readonly after: number;
  /** After this many ms without an event, `null` is yielded, for a comment that keeps proxies from disconnecting. */
  readonly heartbeatMs: number;
}

/** "Text so far" grows with every token. Sending it more often than this has no use and costs quadratic bandwidth. */
const TEXT_INTERVAL_MS = 50;
/** The same for thinking, whose tokens would be an event each. A piece has at most this many characters. */
const THINKING_INTERVAL_MS = 50;
const MAX_THINKING = 16_384;
/** How much of the events that only those get who name their kind is kept, in bytes; the latest are. */
const MAX_WORK_BYTES = 4 * 1024 * 1024;

/** A frame of new text ends with the event that makes it this long, in characters: a slow reader may hold one frame. */
const MAX_DELTA = 262_144;
/** Memory of any event beyond its data, in bytes. */
const EVENT_BYTES = 8;
const BYTES_PER_CHARACTER = 2;

/**
 * The events of one turn, from the first to `done`, for any number of readers, each at its own speed.
 *
 * The text is stored once, and a text event is only an offset into it. Readers pull: what accumulated while a reader
 * was busy comes as one frame, or a few long ones. Its text is cut out when the reader asks for it: one that does so in
 * pieces and is slow costs the memory of a piece. A reader that reconnects with an id continues from there.
 */
export class TurnStream {
  /** All events; those that are neither text nor among the entries were dropped. */
  readonly #ends = new TextEnds();
  readonly #entries = new Map<number, Entry>();
  /** How many further events, from before the turn was parked, the first entry represents. */
  readonly #skipped: number;
  /** True if only the result is known: readers may hold ids of events that were not kept. */
  #resultOnly = false;
  readonly #text = new GrowingText();
  /** Memory of the events other than text. */
  #otherBytes = 0;
  /** The entries of events that may be dropped, oldest first, with their memory. */
  readonly #work: { readonly index: number; bytes: number }[] = [];
  #workBytes = 0;
  /** Events before this one have been read. */
  #read = 0;
  /** Set while a reader waits for more. */
  #changed: Deferred | undefined;
  #done = false;

  /** @param before the state of the stream when the turn was parked; it continues from there */
  constructor(before?: { readonly text: string; readonly lastId: number }) {
    const hasText = before !== undefined && before.text !== "";
    this.#skipped = (before?.lastId ?? 0) - (hasText ? 1 : 0);
    if (hasText) this.push({ type: "text", delta: before.text });
  }

  /** The stream of a turn that is only in the ledger: one event with all its text, and the end. */
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
    return this.#text.toString();
  }

  /** An estimate of its memory, in bytes; errs on the high side. */
  get bytes(): number {
    const textBytes = BYTES_PER_CHARACTER * this.#text.length;
    return textBytes + EVENT_BYTES * this.#ends.length + this.#otherBytes + this.#workBytes;
  }

  get lastId(): number {
    return this.#ends.length + this.#skipped;
  }

  /** Appends an event. No event may follow `done`. */
  push(event: TurnEvent): void {
    if (this.#done) return;
    if (event.type === "thinking" && this.#joinThinking(event.data)) return;
    if (event.type === "text") this.#text.append(event.delta);
    else this.#keep(toEntry(event), kindOf(event) !== undefined);
    this.#ends.push(this.#text.length, event.type === "text");
    this.#done = event.type === "done";
    this.#changed?.resolve();
    this.#changed = undefined;
  }

  /** Yields frames from `after` on, and ends after `done`. */
  async *read({ mode, after, heartbeatMs }: ReadOptions): AsyncGenerator<Frame | null, void> {
    if (this.#resultOnly && after > 0) {
      yield* this.#ending(mode, after);
      return;
    }
    let cursor = Math.min(Math.max(after - this.#skipped, 0), this.#ends.length);
    let lastTextAt = 0;
    let lastThinkingAt = 0;
    for (;;) {
      if (cursor >= this.#ends.length) {
        if (this.#done) return;
        if (!(await this.#waitForMore(heartbeatMs))) yield null;
        continue;
      }
      if (mode === "text" && this.#ends.isText(cursor) && !this.#done) {
        await pause(lastTextAt + TEXT_INTERVAL_MS - performance.now());
        lastTextAt = performance.now();
      }
      if (this.#entries.get(cursor)?.type === "thinking" && !this.#done) {
        await pause(lastThinkingAt + THINKING_INTERVAL_MS - performance.now());
        lastThinkingAt = performance.now();
      }
      const step = this.#stepAt(cursor, mode);
      cursor = step.id;
      this.#read = Math.max(this.#read, cursor);
      yield toFrame(step, cursor + this.#skipped);
    }
  }

  /** For a reader that had seen events that were not kept: in text mode all the text again, then the end. */
  *#ending(mode: TextMode, after: number): Generator<Frame, void> {
    let id = after;
    for (let cursor = 0; cursor < this.#ends.length; ) {
      const step = this.#stepAt(cursor, mode);
      cursor = step.id;
      if (mode === "text" || step.event !== "text") yield toFrame(step, ++id);
    }
  }

  /** What comes at an event; consecutive text events become one step. */
  #stepAt(cursor: number, mode: TextMode): Step {
    if (this.#ends.isText(cursor)) return this.#textAt(cursor, mode);
    const entry = this.#entries.get(cursor);
    if (entry === undefined) return { id: this.#afterDropped(cursor), event: "missed", data: {} };
    if (entry.type === "thinking") return { id: cursor + 1, event: "thinking", data: entry.data };
    return { ...entry.frame, id: cursor + 1 };
  }

  #textAt(cursor: number, mode: TextMode): Step {
    const from = mode === "text" ? 0 : this.#ends.before(cursor);
    const isFull = (id: number) => mode === "delta" && this.#ends.before(id) - from >= MAX_DELTA;
    let id = cursor + 1;
    while (this.#ends.isText(id) && !isFull(id)) id++;
    return { id, event: "text", data: new TextSpan(this.#text, from, this.#ends.before(id)) };
  }

  #afterDropped(cursor: number): number {
    let next = cursor + 1;
    while (next < this.#ends.length && !this.#ends.isText(next) && !this.#entries.has(next)) next++;
    return next;
  }

  /** Adds thinking to the last event, if that is of the same agent and no client has read it. */
  #joinThinking({ text, ...agent }: StreamedThinking): boolean {
    const index = this.#ends.length - 1;
    const last = this.#entries.get(index);
    if (last?.type !== "thinking" || this.#read > index) return false;
    if (last.data.parent_tool_use_id !== agent.parent_tool_use_id) return false;
    if (last.data.text.length + text.length > MAX_THINKING) return false;
    this.#entries.set(index, { type: "thinking", data: { ...agent, text: last.data.text + text } });
    this.#countWork(weightOf(text));
    return true;
  }

  /** Keeps the next event, which is not one of text. */
  #keep(entry: Entry, mayDrop: boolean): void {
    const index = this.#ends.length;
    this.#entries.set(index, entry);
    if (mayDrop) {
      this.#work.push({ index, bytes: 0 });
      this.#countWork(weightOf(entry));
    } else this.#otherBytes += weightOf(entry);
  }

  /** Counts memory of the latest event, and drops the oldest ones if all of them have too much. */
  #countWork(bytes: number): void {
    const latest = this.#work.at(-1);
    if (latest !== undefined) latest.bytes += bytes;
    this.#workBytes += bytes;
    while (this.#workBytes > MAX_WORK_BYTES && this.#work.length > 1) {
      const oldest = this.#work.shift();
      if (oldest === undefined) return;
      this.#workBytes -= oldest.bytes;
      this.#entries.delete(oldest.index);
    }
  }

  /** True if there is an event, false when a heartbeat is due. */
  async #waitForMore(heartbeatMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const heartbeat = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, heartbeatMs, false);
    });
    try {
      this.#changed ??= deferred();
      return await Promise.race([this.#changed.promise.then(() => true), heartbeat]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function toFrame({ event, data }: Step, id: number): Frame {
  return data instanceof TextSpan ? textFrame(id, data) : { id, event, data };
}

function toEntry(event: Exclude<TurnEvent, { type: "text" }>): Entry {
  switch (event.type) {
    case "queued":
      return { type: "other", frame: { event: "queued", data: { position: event.position } } };
    case "permission_request":
    case "permission_resolved":
      return { type: "other", frame: { event: event.type, data: approvalView(event.approval) } };
    case "permission_denied":
      return { type: "other", frame: { event: "permission_denied", data: event.denials } };
    case "done":
      return { type: "other", frame: { event: "done", data: event.response } };
    case "thinking":
      return { type: "thinking", data: event.data };
    default:
      return { type: "other", frame: { event: event.type, data: event.data } };
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
