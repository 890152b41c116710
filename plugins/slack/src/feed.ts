import type { PluginScope } from "@claudeway/core";
import { type DecideAt, type Message, toDigest, toMessage, withoutBlocks } from "./blocks.js";
import type { EventKind, News } from "./news.js";
import { Undelivered, type Webhook } from "./webhook.js";

export interface FeedOptions {
  readonly webhook: Webhook;
  readonly events: readonly EventKind[];
  /** Undefined: every key's. */
  readonly keyIds: readonly string[] | undefined;
  readonly intervalMs: number;
  /** How many events may wait. */
  readonly backlog: number;
  /** Where a request can be decided, as of now. */
  readonly decideAt: (approvalId: string) => Promise<DecideAt>;
  readonly scope: Pick<PluginScope, "log" | "notice" | "signal">;
}

const MAX_WAIT_MS = 60_000;

/** One channel: events wait in order and go out one message at a time; those that gather meanwhile share one. */
export class Feed {
  /** Events that were dropped, in all. */
  dropped = 0;
  readonly #waiting: News[] = [];
  #untold = 0;
  #sending: Promise<void> | undefined;
  #failures = 0;
  #withdrawNotice: (() => void) | undefined;
  #hurry = false;
  #wake: (() => void) | undefined;

  constructor(private readonly options: FeedOptions) {
    options.scope.signal.addEventListener("abort", () => this.#wake?.(), { once: true });
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes an event in, if this channel wants it. Never waits. */
  push(news: News): void {
    const { events, keyIds, scope } = this.options;
    if (scope.signal.aborted || !events.includes(news.kind)) return;
    if (keyIds !== undefined && (news.keyId === null || !keyIds.includes(news.keyId))) return;
    this.#waiting.push(news);
    if (this.#waiting.length > this.options.backlog) this.#dropOne();
    this.#sending ??= this.#sendAll();
  }

  /** Sends what waits without the pauses between messages. Resolves when it is out, or after `ms`. */
  async flush(ms: number): Promise<void> {
    this.#hurry = true;
    this.#wake?.();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.#sending, late]);
    clearTimeout(timer);
  }

  /** Resolves when nothing of it runs any more. To be called once the scope's signal has been aborted. */
  async close(): Promise<void> {
    await this.#sending;
    if (this.#waiting.length === 0) return;
    this.options.scope.log.warn(
      `${this.#waiting.length} events were not posted to ${this.options.webhook.name}`,
    );
  }

  /** The oldest gives way, but one that waits for a decision only to others of its kind. */
  #dropOne(): void {
    const index = this.#waiting.findIndex(({ approvalId }) => approvalId === undefined);
    this.#waiting.splice(Math.max(index, 0), 1);
    this.dropped++;
    this.#untold++;
    if (this.#untold === 1) {
      const { scope, webhook, backlog } = this.options;
      scope.log.warn(`${webhook.name}: ${backlog} events wait; from here on the oldest are dropped`);
    }
  }

  async #sendAll(): Promise<void> {
    const { signal } = this.options.scope;
    // A tick for events that come together to be told together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0 && !signal.aborted) {
      const taken = this.#take();
      const lost = this.#untold;
      this.#untold = 0;
      const waitMs = await this.#deliver(taken, lost);
      if (this.#waiting.length > 0 || waitMs > this.options.intervalMs) await this.#pause(waitMs);
    }
    this.#sending = undefined;
  }

  /** The next one alone if it waits for a decision, else all up to the next one that does. */
  #take(): News[] {
    const next = this.#waiting.findIndex(({ approvalId }) => approvalId !== undefined);
    return this.#waiting.splice(0, next === -1 ? this.#waiting.length : Math.max(next, 1));
  }

  /** Milliseconds to wait before the next message. */
  async #deliver(taken: readonly News[], lost: number): Promise<number> {
    const { intervalMs } = this.options;
    try {
      await this.#send(await this.#toMessage(taken, lost));
      this.#succeeded();
      return intervalMs;
    } catch (error) {
      this.#untold += lost;
      // Anything else is a defect, of this message at most: the channel goes on.
      if (!(error instanceof Undelivered) || error.kind === "payload") return this.#giveUp(taken, error);
      this.#waiting.unshift(...taken);
      while (this.#waiting.length > this.options.backlog) this.#dropOne();
      return this.#failed(error);
    }
  }

  /** A message that is not taken may be one whose blocks are not: its text is better than nothing. */
  async #send(message: Message): Promise<void> {
    const { webhook, scope } = this.options;
    try {
      await webhook.send(message, scope.signal);
    } catch (error) {
      if (!(error instanceof Undelivered) || error.kind !== "payload") throw error;
      scope.log.warn(`${webhook.name}: ${error.message}; sent again as plain text`);
      await webhook.send(withoutBlocks(message), scope.signal);
    }
  }

  async #toMessage(taken: readonly News[], lost: number): Promise<Message> {
    const [first] = taken;
    if (first === undefined || taken.length > 1) return toDigest(taken, lost);
    if (first.approvalId === undefined) return toMessage(first, undefined, lost);
    return toMessage(first, await this.options.decideAt(first.approvalId), lost);
  }

  #succeeded(): void {
    if (this.#failures > 0) this.options.scope.log.info(`${this.options.webhook.name}: answers again`);
    this.#failures = 0;
    this.#withdrawNotice?.();
    this.#withdrawNotice = undefined;
  }

  /** Slack did not like this very message: it would not like it later either. */
  #giveUp(taken: readonly News[], error: unknown): number {
    this.dropped += taken.length;
    this.#untold += taken.length;
    const { webhook, scope, intervalMs } = this.options;
    scope.log.error(
      { err: error },
      `${webhook.name}: ${taken.length} events dropped: a message was not taken`,
    );
    return intervalMs;
  }

  #failed(error: Undelivered): number {
    const { webhook, scope, intervalMs } = this.options;
    this.#failures++;
    const backoff = Math.min(intervalMs * 2 ** this.#failures, MAX_WAIT_MS);
    const waitMs = error.retryAfterMs ?? (error.kind === "refused" ? MAX_WAIT_MS : backoff);
    const line = `${webhook.name}: ${error.message}`;
    scope.log[this.#failures === 1 ? "warn" : "debug"](`${line}; next try in ${Math.ceil(waitMs / 1000)} s`);
    this.#withdrawNotice?.();
    this.#withdrawNotice = scope.notice(`slack: ${line}`);
    return waitMs;
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.options.scope;
    if (this.#hurry || signal.aborted) {
      // In a hurry a webhook that fails is not tried again at once for ever.
      if (this.#failures === 0 || signal.aborted) return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
