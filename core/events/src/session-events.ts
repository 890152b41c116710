import type { BackgroundTask, EngineEvent, LostTask, TurnEvent, TurnInfo } from "@claudeway/ports";
import { approvalView } from "./approval-view.js";
import type { SentFrame } from "./server-sent.js";
import { weightOf } from "./weight.js";

/** How much of a session's history is kept for readers that reconnect, in bytes and in events. */
const KEPT_BYTES = 1024 * 1024;
const KEPT_EVENTS = 5000;
/** What is kept at most until readers have read it, in bytes, and for how long, in ms; at times for twice as long. */
const UNREAD_BYTES = 16 * KEPT_BYTES;
const UNREAD_MS = 10_000;
/** A session's events are kept for this long after its last reader has left, in ms. */
const KEPT_MS = 10 * 60 * 1000;

/**
 * The live events of sessions, from prompts and from background turns. Events of a session are kept only while it has
 * readers, and for a while afterwards.
 */
export class SessionEvents {
  readonly #feeds = new Map<string, Feed>();

  /** A turn has begun. */
  began({ id: turn_id, sessionId, origin = "prompt", createdAt: created_at }: TurnInfo): void {
    this.#push(sessionId, "turn", { turn_id, origin, created_at });
  }

  turnEvent(event: TurnEvent, turn: TurnInfo): void {
    if (!this.#feeds.has(turn.sessionId)) return;
    this.#push(turn.sessionId, event.type, dataOf(event, turn));
  }

  /** Something happened in a session outside its turns. */
  between(sessionId: string, { type, data }: EngineEvent): void {
    this.#push(sessionId, type, data);
  }

  /** Whether the session's events are kept: it has readers, or had some a while ago. */
  has(sessionId: string): boolean {
    return this.#feeds.has(sessionId);
  }

  tasks(sessionId: string, background: readonly BackgroundTask[]): void {
    this.#push(sessionId, "background", { background });
  }

  lost(sessionId: string, background_lost: readonly LostTask[]): void {
    this.#push(sessionId, "background_lost", { background_lost });
  }

  /**
   * Yields events from now on, or from the event after `after`; `null` after `heartbeatMs` without an event. Ends when
   * `stop` aborts.
   */
  async *read(
    sessionId: string,
    {
      after,
      heartbeatMs,
      stop,
    }: { readonly after?: number | undefined; readonly heartbeatMs: number; readonly stop: AbortSignal },
  ): AsyncGenerator<SentFrame | null, void> {
    const feed = this.#feeds.get(sessionId) ?? new Feed();
    this.#feeds.set(sessionId, feed);
    feed.enter();
    try {
      yield* feed.read(after, heartbeatMs, stop);
    } finally {
      feed.leave(() => this.#feeds.delete(sessionId));
    }
  }

  /** Ends the readers of a session that is deleted, once they have read all. */
  ended(sessionId: string): void {
    this.#feeds.get(sessionId)?.close();
    this.#feeds.delete(sessionId);
  }

  /** Ends every reader. */
  close(): void {
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
  }

  #push(sessionId: string, event: string, data: unknown): void {
    this.#feeds.get(sessionId)?.push(event, data);
  }
}

/** The latest events of one session. */
class Feed {
  readonly #frames: { readonly frame: SentFrame; readonly bytes: number }[] = [];
  #bytes = 0;
  /** Starts above any id of an earlier feed or gateway, so that a reconnecting reader notices the gap. */
  #nextId = Date.now() * 1000;
  readonly #firstId = this.#nextId;
  #readers = 0;
  /** The next event of each reader that is reading. */
  readonly #reading = new Set<{ next: number }>();
  #forget: NodeJS.Timeout | undefined;
  /** Readers have had the time to read the events before this one. */
  #overdue = 0;
  /** Runs while events are kept only until they are read. */
  #trimming: NodeJS.Timeout | undefined;
  readonly #wake = new Set<() => void>();
  #closed = false;

  enter(): void {
    this.#readers++;
    clearTimeout(this.#forget);
  }

  leave(forget: () => void): void {
    this.#readers--;
    if (this.#readers > 0) return;
    this.#forget = setTimeout(forget, KEPT_MS);
    this.#forget.unref();
  }

  close(): void {
    clearTimeout(this.#forget);
    clearTimeout(this.#trimming);
    this.#closed = true;
    for (const wake of this.#wake) wake();
  }

  push(event: string, data: unknown): void {
    const bytes = weightOf(data);
    this.#frames.push({ frame: { id: this.#nextId++, event, data }, bytes });
    this.#bytes += bytes;
    this.#trim();
    for (const wake of this.#wake) wake();
  }

  /**
   * Events stay for readers that keep up, also where many come at once; the latest one stays until it is read, however large.
   */
  #trim(): void {
    while (this.#bytes > KEPT_BYTES || this.#frames.length > KEPT_EVENTS) {
      if (this.#frames.length === 1 && this.#isAwaited()) return;
      if (this.#isKept(this.#nextId - this.#frames.length)) {
        this.#trimLater();
        return;
      }
      this.#bytes -= this.#frames.shift()?.bytes ?? 0;
    }
  }

  #isAwaited(): boolean {
    return [...this.#reading].some(({ next }) => next < this.#nextId);
  }

  /** Whether the oldest event is kept for a reader that comes to it next. One that has missed others misses it, too. */
  #isKept(oldest: number): boolean {
    if (this.#bytes > UNREAD_BYTES || this.#frames.length > KEPT_EVENTS) return false;
    if (oldest < this.#overdue) return false;
    return [...this.#reading].some(({ next }) => next === oldest);
  }

  #trimLater(): void {
    const next = this.#nextId;
    this.#trimming ??= setTimeout(() => {
      this.#trimming = undefined;
      this.#overdue = next;
      this.#trim();
    }, UNREAD_MS).unref();
  }

  async *read(
    after: number | undefined,
    heartbeatMs: number,
    stop: AbortSignal,
  ): AsyncGenerator<SentFrame | null> {
    const known = after === undefined || (after >= this.#firstId - 1 && after < this.#nextId);
    const cursor = { next: known && after !== undefined ? after + 1 : this.#nextId };
    this.#reading.add(cursor);
    try {
      if (!known) yield this.#missed(cursor.next);
      while (!stop.aborted) {
        const oldest = this.#nextId - this.#frames.length;
        if (cursor.next < oldest) {
          cursor.next = oldest;
          yield this.#missed(oldest);
        } else if (cursor.next < this.#nextId) {
          const next = this.#frames[cursor.next - oldest];
          cursor.next++;
          this.#trim();
          if (next !== undefined) yield next.frame;
        } else if (this.#closed) return;
        else if (!(await this.#more(heartbeatMs, stop))) yield null;
      }
    } finally {
      this.#reading.delete(cursor);
      this.#trim();
    }
  }

  #missed(cursor: number): SentFrame {
    return { id: cursor - 1, event: "missed", data: {} };
  }

  /** True if there is an event or the feed is over; false when a heartbeat is due. */
  #more(heartbeatMs: number, stop: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (came: boolean) => {
        clearTimeout(timer);
        this.#wake.delete(wake);
        stop.removeEventListener("abort", wake);
        resolve(came);
      };
      const wake = () => settle(true);
      const timer = setTimeout(settle, heartbeatMs, false);
      this.#wake.add(wake);
      stop.addEventListener("abort", wake, { once: true });
      if (stop.aborted) wake();
    });
  }
}

function dataOf(event: TurnEvent, { id: turn_id, origin = "prompt" }: TurnInfo): unknown {
  switch (event.type) {
    case "text":
      return { turn_id, text: event.delta };
    case "queued":
      return { turn_id, position: event.position };
    case "permission_request":
    case "permission_resolved":
      return approvalView(event.approval);
    case "permission_denied":
      return { turn_id, denials: event.denials };
    case "done":
      return { turn_id, origin, response: event.response };
    default:
      return { turn_id, ...event.data };
  }
}
