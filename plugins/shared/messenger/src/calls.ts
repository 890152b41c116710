import { setTimeout as sleep } from "node:timers/promises";
import type { PluginScope } from "@claudeway/core";
import { connectionCode, MessengerFailure, waitBefore } from "./failures.js";

/**
 * `once`: throw on failure; `persist`: retry temporary failures until the plugin is switched off; `forMs`: retry them, and
 * throw one after this time.
 */
export type Patience = "once" | "persist" | { readonly forMs: number };

/** The least that is to be expected of a connection, in bytes a second. */
const UPLOAD_RATE = 100_000;
/** After how many deadlines an upload is given up: whoever waits for it waits for all of them. */
const UPLOAD_TRIES = 3;

/** The deadline of a call that sends so many bytes, in ms. */
export function uploadMs(timeoutMs: number, bytes: number): number {
  return timeoutMs + (bytes / UPLOAD_RATE) * 1000;
}

/** How long to try to send so many bytes. */
export function uploadPatience(timeoutMs: number, bytes: number): Patience {
  return { forMs: UPLOAD_TRIES * uploadMs(timeoutMs, bytes) };
}

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
    const end =
      performance.now() + (typeof patience === "object" ? patience.forMs : Number.POSITIVE_INFINITY);
    for (let attempt = 0; ; attempt++) {
      try {
        if (patience !== "once") await this.#wait(this.pausedMs);
        return await call();
      } catch (error) {
        const failure = this.#toFailure(error);
        const isLast = patience === "once" || performance.now() >= end;
        if (failure.kind === "rejected" || isLast || this.options.signal.aborted) throw failure;
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
