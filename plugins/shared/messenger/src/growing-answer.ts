import { setTimeout as sleep } from "node:timers/promises";
import type { PluginScope } from "@claudeway/core";
import { MessengerFailure } from "./failures.js";
import type { Messenger, Place } from "./messenger.js";
import { type FileSender, sendFile } from "./send-file.js";
import type { Span } from "./spans.js";
import { isSameText, MAX_RENDERED, messagesOf } from "./split.js";

/** The pace of growing answers: messengers limit edits, so all of them share one edit per interval. */
export class Pace {
  #nextAt = 0;

  constructor(
    private readonly messenger: Pick<Messenger, "pausedMs">,
    readonly intervalMs: number,
  ) {}

  /** Milliseconds until a growing answer may be updated: after a refusal, or after another answer's update. */
  get pauseMs(): number {
    return Math.max(this.messenger.pausedMs, this.#nextAt - Date.now());
  }

  /** False if it is too early. */
  take(): boolean {
    if (this.pauseMs > 0) return false;
    this.#nextAt = Date.now() + this.intervalMs;
    return true;
  }
}

export interface GrowingAnswerOptions extends FileSender {
  readonly place: Place;
  readonly pace: Pace;
  /** Called with each message as it is sent. */
  readonly sent: (messageId: string) => void;
  readonly scope: Pick<PluginScope, "log" | "signal">;
}

/** Messages per answer; a longer answer is also sent as a file. */
const MAX_MESSAGES = 8;
/** Messages while it grows. */
const MAX_GROWING = 3;

/** A growing answer: one or more messages, edited at most once per interval. */
export class GrowingAnswer {
  readonly #sent: { readonly id: string; readonly spans: readonly Span[] }[] = [];
  #wanted = "";
  #lastAt: number;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #finished = false;

  constructor(private readonly options: GrowingAnswerOptions) {
    // A quick answer is sent whole; a slow one appears after half an interval.
    this.#lastAt = Date.now() - options.pace.intervalMs / 2;
  }

  /** Its last message; undefined if nothing was sent. */
  get lastId(): string | undefined {
    return this.#sent.at(-1)?.id;
  }

  /** Shows the text so far, as soon as the interval allows. */
  show(markdown: string): void {
    this.#wanted = markdown;
    this.#schedule();
  }

  /** Shows the whole text and resolves when done. Rejects with a `MessengerFailure`. */
  async finish(markdown: string): Promise<void> {
    this.#finished = true;
    clearTimeout(this.#timer);
    await this.#working;
    const { messenger, place, say, sent } = this.options;
    const all = messagesOf(markdown, messenger.sizes);
    const shown = all.slice(0, MAX_MESSAGES);
    for (const [index, spans] of shown.entries()) await this.#put(index, spans);
    for (const { id } of this.#sent.splice(shown.length)) {
      await messenger.delete(id).catch(() => undefined);
    }
    if (all.length <= MAX_MESSAGES && markdown.length <= MAX_RENDERED) return;
    const file = { name: "answer.md", content: Buffer.from(markdown), caption: say("restOfAnswer") };
    sent(await sendFile(this.options, place, file));
  }

  /** Clears timers and leaves the messages as they are. */
  stop(): void {
    this.#finished = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#finished || this.#timer !== undefined || this.#working !== undefined) return;
    const { pace } = this.options;
    const dueMs = Math.max(this.#lastAt + pace.intervalMs - Date.now(), pace.pauseMs, 0);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!pace.take()) return this.#schedule();
      this.#working = this.#step().finally(() => {
        this.#working = undefined;
        if (this.#isBehind()) this.#schedule();
      });
    }, dueMs);
    this.#timer.unref();
  }

  #isBehind(): boolean {
    return this.#nextChange() !== undefined;
  }

  #nextChange(): { readonly index: number; readonly spans: readonly Span[] } | undefined {
    const messages = messagesOf(this.#wanted, this.options.messenger.sizes).slice(0, MAX_GROWING);
    const index = messages.findIndex((spans, at) => !isSameText(this.#sent[at]?.spans ?? [], spans));
    const spans = messages[index];
    return spans === undefined ? undefined : { index, spans };
  }

  /** One edit or one message. A failure is retried by the next step. */
  async #step(): Promise<void> {
    const change = this.#nextChange();
    if (change === undefined || this.options.scope.signal.aborted) return;
    const { messenger, place, scope } = this.options;
    const before = this.#sent[change.index];
    try {
      const { spans } = change;
      if (before === undefined)
        this.#add(await messenger.send(place, { spans }, { patience: "once" }), spans);
      else {
        const there = await messenger.edit(before.id, { spans }, { patience: "once" });
        // A deleted message is sent again with the whole answer.
        this.#sent[change.index] = { id: before.id, spans: there ? spans : [] };
        if (!there) this.stop();
      }
    } catch (error) {
      if (!(error instanceof MessengerFailure)) throw error;
      scope.log.debug(`could not update a growing answer: ${error.message}`);
    } finally {
      this.#lastAt = Date.now();
    }
  }

  async #put(index: number, spans: readonly Span[]): Promise<void> {
    const { messenger, place, pace, scope } = this.options;
    const before = this.#sent[index];
    if (before !== undefined && isSameText(before.spans, spans)) return;
    if (before !== undefined) {
      const waitMs = Math.max(0, this.#lastAt + pace.intervalMs - Date.now());
      await sleep(waitMs, undefined, { signal: scope.signal });
      this.#lastAt = Date.now();
      if (await messenger.edit(before.id, { spans })) return;
    }
    this.#add(await messenger.send(place, { spans }), spans, index);
  }

  #add(id: string, spans: readonly Span[], index = this.#sent.length): void {
    this.#sent[index] = { id, spans };
    this.options.sent(id);
  }
}
