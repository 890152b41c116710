import { setTimeout as sleep } from "node:timers/promises";
import type { PluginScope } from "@claudeway/core";
import { connectionCode, MessengerFailure, waitBefore } from "./failures.js";

/** `once`: throw on failure; `persist`: retry temporary failures until the plugin is switched off. */
export type Patience = "once" | "persist";

/** Until when a messenger accepts no messages; calls that share it wait together. */
export interface Pause {
  until: number;
}

export interface CallsOptions {
  readonly signal: AbortSignal;
  readonly log: Pick<PluginScope["log"], "debug">;
  readonly pause?: Pause | undefined;
  /** The host that is called, for messages. */
  readonly host?: string | undefined;
}

/** Calls to a messenger: each has a deadline, and all wait when the messenger asks for it. */
export class Calls {
  readonly #pause: Pause;

  constructor(private readonly options: CallsOptions) {
    this.#pause = options.pause ?? { until: 0 };
  }

  /** Milliseconds until the messenger accepts messages again. */
  get pausedMs(): number {
    return Math.max(0, this.#pause.until - Date.now());
  }

  /** From now on, calls that persist wait so long. */
  pause(ms: number): void {
    this.#pause.until = Math.max(this.#pause.until, Date.now() + ms);
  }

  /** Rejects with a `MessengerFailure`. A message may be sent twice if its response was lost. */
  async run<Result>(what: string, patience: Patience, call: () => Promise<Result>): Promise<Result> {
    for (let attempt = 0; ; attempt++) {
      try {
        if (patience === "persist") await this.#wait(this.pausedMs);
        return await call();
      } catch (error) {
        const failure = this.#toFailure(error);
        if (failure.kind === "rejected" || patience === "once" || this.options.signal.aborted) throw failure;
        const waitMs = failure.retryAfterMs ?? waitBefore(attempt);
        this.options.log.debug(`${what}: ${failure.message}; next try in ${waitMs} ms`);
        await this.#wait(waitMs);
      }
    }
  }

  /** Runs something with a signal that is aborted at the deadline, and when the plugin is switched off. */
  async within<Result>(timeoutMs: number, run: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const { signal } = this.options;
    signal.throwIfAborted();
    // Not AbortSignal.any: each one would leave a listener on the plugin's signal, which lives for months.
    const call = new AbortController();
    const abort = () => call.abort();
    const timer = setTimeout(abort, timeoutMs);
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await run(call.signal);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  /** Errors of the transport may contain a URL and with it a token, so they are not passed on. */
  #toFailure(error: unknown): MessengerFailure {
    if (error instanceof MessengerFailure) return error;
    if (this.options.signal.aborted) return new MessengerFailure("busy", "the plugin is switched off");
    return new MessengerFailure("busy", this.#silence(error));
  }

  /** Why there was no usable response. */
  #silence(error: unknown): string {
    const from = this.options.host === undefined ? "" : ` from ${this.options.host}`;
    if (error instanceof Error && error.name === "AbortError") return `no response${from} in time`;
    if (error instanceof SyntaxError) return `an unexpected response${from}`;
    const code = connectionCode(error);
    return code === undefined ? `no response${from}, or an unexpected one` : `no response${from} (${code})`;
  }

  async #wait(ms: number): Promise<void> {
    if (ms <= 0) return;
    await sleep(ms, undefined, { signal: this.options.signal }).catch(() => {
      throw new MessengerFailure("busy", "the plugin is switched off");
    });
  }
}
