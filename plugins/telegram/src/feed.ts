import { setTimeout as sleep } from "node:timers/promises";
import type { PluginScope } from "@claudeway/core";
import type { Chat, Place } from "./chat.js";
import type { EventKind } from "./config.js";
import { MAX_CHARACTERS, plainHtml } from "./html.js";
import type { Say } from "./texts.js";

/** An event, as one or two lines of plain text. */
export interface News {
  readonly kind: EventKind;
  readonly title: string;
  readonly facts: readonly string[];
  /** Shown verbatim below the facts. */
  readonly detail?: string;
}

export interface FeedOptions {
  readonly chat: Chat;
  readonly place: Place;
  readonly events: readonly EventKind[];
  readonly say: Say;
  /** Milliseconds between two messages. */
  readonly intervalMs: number;
  readonly scope: Pick<PluginScope, "log" | "signal">;
}

/** A group allows 20 messages a minute, which the feed shares with answers and buttons. */
export const FEED_INTERVAL_MS = 5000;

const MAX_WAITING = 300;
const MAX_TITLE = 300;
const MAX_FACTS = 300;
const MAX_DETAIL = 500;
const ROOM_FOR_NOTES = 300;

/** Posts gateway events to the chat, without a notification sound, several in one message. */
export class Feed {
  readonly #waiting: string[] = [];
  #lost = 0;
  #sending: Promise<void> | undefined;

  constructor(private readonly options: FeedOptions) {}

  /** Queues an event of a wanted kind. Never waits. */
  push(news: News): void {
    const { events, scope } = this.options;
    if (scope.signal.aborted || !events.includes(news.kind)) return;
    this.#waiting.push(newsHtml(news));
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift();
      this.#lost++;
    }
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  /** Resolves when all of its work has ended. Call it after the plugin's signal was aborted. */
  async close(): Promise<void> {
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    const { scope, chat, place, intervalMs } = this.options;
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0 && !scope.signal.aborted) {
      const html = this.#nextMessage();
      await chat.send(html, place, { silent: true }).catch((error: unknown) => {
        if (!scope.signal.aborted) scope.log.warn({ err: error }, "could not post events to the chat");
      });
      await sleep(intervalMs, undefined, { signal: scope.signal }).catch(() => undefined);
    }
  }

  /** As many events as fit in one message, and the number of those that did not. */
  #nextMessage(): string {
    const { say } = this.options;
    const lines = this.#lost > 0 ? [`⚠️ ${plainHtml(say("newsLostEvents", { count: this.#lost }), 200)}`] : [];
    this.#lost = 0;
    let length = lines.join("\n").length;
    while (
      this.#waiting[0] !== undefined &&
      length + this.#waiting[0].length < MAX_CHARACTERS - ROOM_FOR_NOTES
    ) {
      const line = this.#waiting.shift() ?? "";
      lines.push(line);
      length += line.length + 1;
    }
    const more = this.#waiting.splice(0).length;
    if (more > 0) lines.push(`… ${plainHtml(say("newsMore", { count: more }), 100)}`);
    return lines.join("\n");
  }
}

/** An event as one or two lines of Telegram HTML. */
export function newsHtml({ title, facts, detail }: News): string {
  const head = `<b>${oneLine(title, MAX_TITLE)}</b>  ${oneLine(facts.join(" · "), MAX_FACTS)}`;
  return detail === undefined ? head : `${head}\n<blockquote>${oneLine(detail, MAX_DETAIL)}</blockquote>`;
}

function oneLine(text: string, most: number): string {
  return plainHtml(text.replace(/\s+/g, " ").trim(), most);
}
