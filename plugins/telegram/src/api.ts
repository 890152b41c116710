import { setTimeout as sleep } from "node:timers/promises";
import type { PluginScope } from "@claudeway/core";
import type { Telegram as Methods, Opts } from "telegraf/types";
import { isObject } from "./shapes.js";
import { type BotApiAnswer, fetchFile, post } from "./transport.js";

/**
 * Why a call failed. `token`: the bot token is refused; `conflict`: another program polls with it; `rejected`: this call
 * is refused; `busy`: anything that may succeed later.
 */
export type FailureKind = "token" | "conflict" | "rejected" | "busy";

/** A failed Bot API call. The message contains no secret. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";

  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

export interface CallOptions {
  /** `once`: throw on failure; `persist`: retry temporary failures until the plugin is switched off. */
  readonly patience?: "once" | "persist";
  readonly timeoutMs?: number;
}

/** Type guard for the result; a result that fails it counts as no answer. */
export type Check<Result> = (result: unknown) => result is Result;

export interface BotApiOptions {
  readonly token: string;
  readonly apiRoot: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly log: Pick<PluginScope["log"], "debug">;
}

const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 60_000;
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Bot API client with a deadline per call; it pauses when Telegram asks for it. */
export class BotApi {
  readonly #root: URL;
  #pausedUntil = 0;

  /** Throws if `apiRoot` is not a URL. */
  constructor(private readonly options: BotApiOptions) {
    const { apiRoot } = options;
    if (!URL.canParse(apiRoot)) throw new Error(`api_root must be a URL, got ${JSON.stringify(apiRoot)}`);
    // A server may be below a path.
    this.#root = new URL(apiRoot.endsWith("/") ? apiRoot : `${apiRoot}/`);
  }

  /** Milliseconds until Telegram accepts messages again, after a 429. */
  get pausedMs(): number {
    return Math.max(0, this.#pausedUntil - Date.now());
  }

  /** Calls a method and ignores its result. Rejects with an `ApiFailure`. */
  async call<M extends keyof Methods>(method: M, payload: Opts<M>, options?: CallOptions): Promise<void> {
    await this.ask(method, payload, (result): result is unknown => true, options);
  }

  /** Resolves to the result. Rejects with an `ApiFailure`. A message may be sent twice if its response was lost. */
  async ask<M extends keyof Methods, Result>(
    method: M,
    payload: Opts<M>,
    check: Check<Result>,
    { patience = "once", timeoutMs = this.options.timeoutMs }: CallOptions = {},
  ): Promise<Result> {
    for (let attempt = 0; ; attempt++) {
      try {
        if (patience === "persist") await this.#pause(this.pausedMs);
        const result = await this.#askOnce(method, payload, timeoutMs);
        if (check(result)) return result;
        throw new ApiFailure("busy", `${method}: unexpected response`);
      } catch (error) {
        const failure = this.#toFailure(error);
        if (failure.kind === "rejected" || patience === "once" || this.options.signal.aborted) throw failure;
        const waitMs = failure.retryAfterMs ?? waitBefore(attempt);
        this.options.log.debug(`${method}: ${failure.message}; next try in ${waitMs} ms`);
        await this.#pause(waitMs);
      }
    }
  }

  /** Fetches a file that somebody sent. Rejects with an `ApiFailure`. */
  async download(fileId: string, maxBytes: number): Promise<Buffer> {
    const file = await this.ask("getFile", { file_id: fileId }, isObject);
    const path = "file_path" in file ? String(file.file_path) : "";
    // Below the folder of the bot's files; a server of one's own may answer with a path of its disk.
    if (!/^[\w-]+(?:\/[\w.-]+)*$/.test(path) || path.includes("..")) {
      throw new ApiFailure("rejected", "getFile: unexpected path of a file");
    }
    const url = new URL(`./file/bot${this.options.token}/${path}`, this.#root);
    try {
      return await this.#within(this.options.timeoutMs, (signal) => fetchFile(url, maxBytes, signal));
    } catch (error) {
      throw this.#toFailure(error);
    }
  }

  async #askOnce(method: string, payload: object, timeoutMs: number): Promise<unknown> {
    const url = new URL(`./bot${this.options.token}/${method}`, this.#root);
    const answer = await this.#within(timeoutMs, (signal) => post(url, payload, signal));
    if (answer.ok) return answer.result;
    throw this.#refused(method, toFailure(answer));
  }

  async #within<Result>(timeoutMs: number, run: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
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

  /** After a 429, all messages wait. */
  #refused(method: string, failure: ApiFailure): ApiFailure {
    if (failure.retryAfterMs !== undefined && method !== "getUpdates") {
      this.#pausedUntil = Math.max(this.#pausedUntil, Date.now() + failure.retryAfterMs);
    }
    return failure;
  }

  async #pause(ms: number): Promise<void> {
    if (ms <= 0) return;
    await sleep(ms, undefined, { signal: this.options.signal }).catch(() => {
      throw new ApiFailure("busy", "the plugin is switched off");
    });
  }

  /** Errors of the transport may contain the URL and with it the token, so they are not passed on. */
  #toFailure(error: unknown): ApiFailure {
    if (error instanceof ApiFailure) return error;
    if (this.options.signal.aborted) return new ApiFailure("busy", "the plugin is switched off");
    return new ApiFailure("busy", "no response, or an unexpected one");
  }
}

function toFailure({ code, description, ...more }: Extract<BotApiAnswer, { ok: false }>): ApiFailure {
  const reason = `answered ${code} ${description.slice(0, 200)}`;
  if (code === 401 || code === 404) return new ApiFailure("token", reason);
  if (code === 409) return new ApiFailure("conflict", reason);
  if (code === 429) return new ApiFailure("busy", reason, retryAfterMs(more.retryAfterSecs));
  if (code >= 400 && code < 500) return new ApiFailure("rejected", reason + movedTo(more.movedTo));
  return new ApiFailure("busy", reason);
}

/** Milliseconds to wait after a number of failures in a row. */
export function waitBefore(attempt: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** attempt, MAX_WAIT_MS);
}

function retryAfterMs(secs: number | undefined): number {
  const ms = secs !== undefined && secs > 0 ? secs * 1000 : 1000;
  return Math.min(ms, MAX_RETRY_AFTER_MS);
}

function movedTo(id: number | undefined): string {
  return id === undefined ? "" : `; the group has a new id: set chat_id = "${id}"`;
}
