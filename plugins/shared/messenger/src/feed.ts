import type { PluginScope } from "@claudeway/core";
import { MessengerFailure } from "./failures.js";
import type { EventKind, News } from "./news.js";

export interface FeedOptions {
  /** The messenger, as people write it. */
  readonly messenger: string;
  /** Where it posts, as in notices; without a secret. */
  readonly name: string;
  readonly events: readonly EventKind[];
  /** Undefined for all keys. */
  readonly keyIds: readonly string[] | undefined;
  readonly intervalMs: number;
  /** Maximum number of waiting events. */
  readonly backlog: number;
  /** Posts one message with these events, and the number of those that were dropped. Rejects with a `MessengerFailure`. */
  readonly post: (batch: readonly News[], lost: number) => Promise<void>;
  readonly scope: Pick<PluginScope, "log" | "notice" | "signal">;
}

const MAX_WAIT_MS = 60_000;

/** One channel. Events wait in order and are sent one message at a time; events that gather meanwhile share one. */
export class Feed {
  /** Total number of dropped events. */
  dropped = 0;
  readonly #waiting: News[] = [];
  #unreported = 0;
  #sending: Promise<void> | undefined;
  #failures = 0;
  /** When the next message may be sent, by `performance.now()`. */
  #nextAt = 0;
  #withdrawNotice: (() => void) | undefined;
  #hurry = false;
  #wake: (() => void) | undefined;

  constructor(private readonly options: FeedOptions) {
    options.scope.signal.addEventListener("abort", () => this.#wake?.(), { once: true });
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Queues an event of a wanted kind. Never waits. */
  push(news: News): void {
    const { events, keyIds, scope } = this.options;
    if (scope.signal.aborted || !events.includes(news.kind)) return;
    if (keyIds !== undefined && (news.keyId === null || !keyIds.includes(news.keyId))) return;
    this.#waiting.push(news);
    if (this.#waiting.length > this.options.backlog) this.#dropOne();
    this.#sending ??= this.#sendAll();
  }

  /** Sends waiting events without pauses. Resolves when they are sent, or after `ms`. */
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

  /** Resolves when all of its work has ended. Call it after the scope's signal was aborted. */
  async close(): Promise<void> {
    await this.#sending;
    if (this.#waiting.length === 0) return;
    this.options.scope.log.warn(`${this.#waiting.length} events were not posted to ${this.options.name}`);
  }

  /** Drops the oldest event; a pending decision only if all events are pending decisions. */
  #dropOne(): void {
    const index = this.#waiting.findIndex(({ approvalId }) => approvalId === undefined);
    this.#waiting.splice(Math.max(index, 0), 1);
    this.dropped++;
    this.#unreported++;
    if (this.#unreported === 1) {
      const { scope, name, backlog } = this.options;
      scope.log.warn(`${name}: ${backlog} events wait; dropping the oldest`);
    }
  }

  async #sendAll(): Promise<void> {
    const { signal } = this.options.scope;
    // One tick, so that simultaneous events share a message.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      // Also after a time without events: the last message may have been sent just now.
      await this.#pause(this.#nextAt - performance.now());
      if (signal.aborted) break;
      const batch = this.#nextBatch();
      const lost = this.#unreported;
      this.#unreported = 0;
      const waitMs = await this.#deliver(batch, lost);
      this.#nextAt = performance.now() + waitMs;
    }
    this.#sending = undefined;
  }

  /** The next event alone if it is a pending decision, else all events up to the next pending decision. */
  #nextBatch(): News[] {
    const next = this.#waiting.findIndex(({ approvalId }) => approvalId !== undefined);
    return this.#waiting.splice(0, next === -1 ? this.#waiting.length : Math.max(next, 1));
  }

  /** Milliseconds to wait before the next message. */
  async #deliver(batch: readonly News[], lost: number): Promise<number> {
    const { intervalMs, post } = this.options;
    try {
      await post(batch, lost);
      this.#succeeded();
      return intervalMs;
    } catch (error) {
      this.#unreported += lost;
      // Anything else is a defect that affects this message only: the channel continues.
      if (!(error instanceof MessengerFailure) || error.kind === "rejected")
        return this.#giveUp(batch, error);
      this.#waiting.unshift(...batch);
      while (this.#waiting.length > this.options.backlog) this.#dropOne();
      return this.#failed(error);
    }
  }

  #succeeded(): void {
    if (this.#failures > 0) this.options.scope.log.info(`${this.options.name}: works again`);
    this.#failures = 0;
    this.#withdrawNotice?.();
    this.#withdrawNotice = undefined;
  }

  /** The messenger refused this message: it would refuse it later too. */
  #giveUp(batch: readonly News[], error: unknown): number {
    this.dropped += batch.length;
    this.#unreported += batch.length;
    const { name, messenger, scope, intervalMs } = this.options;
    scope.log.error(
      { err: error },
      `${name}: ${batch.length} events dropped: ${messenger} refused the message`,
    );
    return intervalMs;
  }

  #failed(error: MessengerFailure): number {
    const { name, messenger, scope, intervalMs } = this.options;
    this.#failures++;
    const backoff = Math.min(intervalMs * 2 ** this.#failures, MAX_WAIT_MS);
    const waitMs = error.retryAfterMs ?? (error.kind === "token" ? MAX_WAIT_MS : backoff);
    const line = `${name}: ${error.message}`;
    scope.log[this.#failures === 1 ? "warn" : "debug"](`${line}; next try in ${Math.ceil(waitMs / 1000)} s`);
    this.#withdrawNotice?.();
    this.#withdrawNotice = scope.notice(`${messenger.toLowerCase()}: ${line}`);
    return waitMs;
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.options.scope;
    if (ms <= 0) return;
    if (this.#hurry || signal.aborted) {
      // A failing webhook must not be retried in a tight loop while flushing.
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
