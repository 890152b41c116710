import { setTimeout as sleep } from "node:timers/promises";
import type { PluginScope } from "@claudeway/core";
import { MessengerFailure, waitBefore } from "./failures.js";

const MAX_REFUSED_WAIT_MS = 300_000;
const MAX_ATTEMPT = 6;

/** What is said of a connection in the plugin list and the log, and how long it waits after failures. */
export class Outage {
  /** Failures in a row. */
  failures = 0;
  #withdrawNotice: (() => void) | undefined;

  constructor(
    private readonly name: string,
    private readonly scope: Pick<PluginScope, "log" | "notice" | "signal">,
    private readonly explain: (failure: MessengerFailure) => string,
  ) {}

  /** Reports a failure; resolves when it is time for the next attempt. */
  async failed(error: unknown): Promise<void> {
    const { log, signal } = this.scope;
    const failure = error instanceof MessengerFailure ? error : new MessengerFailure("busy", String(error));
    const line = `${this.name}: ${this.explain(failure)}`;
    this.failures++;
    log[this.failures === 1 ? "warn" : "debug"](line);
    this.#say(line);
    await sleep(this.#waitMs(failure), undefined, { signal }).catch(() => undefined);
  }

  /** It is connected. */
  over(line: string): void {
    this.failures = 0;
    this.scope.log.info(line);
    this.#say(line);
  }

  #waitMs({ kind, retryAfterMs }: MessengerFailure): number {
    if (retryAfterMs !== undefined) return retryAfterMs;
    if (kind === "busy" || kind === "conflict") return waitBefore(Math.min(this.failures - 1, MAX_ATTEMPT));
    return Math.min(waitBefore(0) * 2 ** this.failures, MAX_REFUSED_WAIT_MS);
  }

  #say(line: string): void {
    this.#withdrawNotice?.();
    this.#withdrawNotice = this.scope.notice(line);
  }
}
