import { setTimeout as sleep } from "node:timers/promises";
import type { PluginScope } from "@claudeway/core";
import { ApiFailure } from "./api.js";
import type { Chat, Place } from "./chat.js";
import { MAX_RENDERED, toMessages } from "./html.js";

export interface GrowingAnswerOptions {
  readonly chat: Chat;
  readonly place: Place;
  /** Milliseconds between two edits. */
  readonly intervalMs: number;
  /** Called with each message as it is sent. */
  readonly sent: (messageId: number) => void;
  readonly scope: Pick<PluginScope, "log" | "signal">;
  /** Name of the file with the whole answer, if it is too long for messages. */
  readonly fileCaption: string;
}

/** Messages per answer; a longer answer is also sent as a file. */
const MAX_MESSAGES = 8;
/** Messages while it grows. */
const MAX_GROWING = 3;

/** A growing answer: one or more messages, edited at most once per interval. */
export class GrowingAnswer {
  readonly #sent: { readonly id: number; readonly html: string }[] = [];
  #wanted = "";
  #lastAt: number;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #finished = false;

  constructor(private readonly options: GrowingAnswerOptions) {
    // A quick answer is sent whole; a slow one appears after half an interval.
    this.#lastAt = Date.now() - options.intervalMs / 2;
  }

  /** Shows the text so far, as soon as the interval allows. */
  show(markdown: string): void {
    this.#wanted = markdown;
    this.#schedule();
  }

  /** Shows the whole text and resolves when done. Rejects with an `ApiFailure`. */
  async finish(markdown: string): Promise<void> {
    this.#finished = true;
    clearTimeout(this.#timer);
    await this.#working;
    const all = toMessages(markdown);
    const shown = all.slice(0, MAX_MESSAGES);
    for (const [index, html] of shown.entries()) await this.#put(index, html);
    for (const { id } of this.#sent.slice(shown.length)) {
      await this.options.chat.delete(id).catch(() => undefined);
    }
    if (all.length <= MAX_MESSAGES && markdown.length <= MAX_RENDERED) return;
    const { chat, place, fileCaption, sent } = this.options;
    sent(await chat.sendFile("answer.md", markdown, place, fileCaption));
  }

  /** Clears timers and leaves the messages as they are. */
  stop(): void {
    this.#finished = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#finished || this.#timer !== undefined || this.#working !== undefined) return;
    const { intervalMs, chat } = this.options;
    const dueMs = Math.max(this.#lastAt + intervalMs - Date.now(), chat.growthPauseMs, 0);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!chat.takeGrowth(intervalMs)) return this.#schedule();
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

  #nextChange(): { readonly index: number; readonly html: string } | undefined {
    const messages = toMessages(this.#wanted).slice(0, MAX_GROWING);
    const index = messages.findIndex((html, at) => this.#sent[at]?.html !== html);
    const html = messages[index];
    return html === undefined ? undefined : { index, html };
  }

  /** One edit or one message. A failure is retried by the next step. */
  async #step(): Promise<void> {
    const change = this.#nextChange();
    if (change === undefined || this.options.scope.signal.aborted) return;
    const { chat, place, scope } = this.options;
    const before = this.#sent[change.index];
    try {
      if (before === undefined)
        this.#add(await chat.send(change.html, place, { patience: "once" }), change.html);
      else {
        const there = await chat.edit(before.id, change.html, { patience: "once" });
        // A deleted message is sent again with the whole answer.
        this.#sent[change.index] = { id: before.id, html: there ? change.html : "" };
        if (!there) this.stop();
      }
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      scope.log.debug(`could not update a growing answer: ${error.message}`);
    } finally {
      this.#lastAt = Date.now();
    }
  }

  async #put(index: number, html: string): Promise<void> {
    const { chat, place, intervalMs, scope } = this.options;
    const before = this.#sent[index];
    if (before?.html === html) return;
    if (before !== undefined) {
      await sleep(Math.max(0, this.#lastAt + intervalMs - Date.now()), undefined, { signal: scope.signal });
      this.#lastAt = Date.now();
      if (await chat.edit(before.id, html)) return;
    }
    this.#add(await chat.send(html, place), html, index);
  }

  #add(id: number, html: string, index = this.#sent.length): void {
    this.#sent[index] = { id, html };
    this.options.sent(id);
  }
}
