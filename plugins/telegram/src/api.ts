import type { PluginScope } from "@claudeway/core";
import {
  Calls,
  MessengerFailure,
  type Patience,
  type Pause,
  uploadMs,
  uploadPatience,
} from "@claudeway/messenger";
import type { Telegram as Methods, Opts } from "telegraf/types";
import { isObject } from "./shapes.js";
import { type BotApiAnswer, fetchFile, post } from "./transport.js";

export interface CallOptions {
  readonly patience?: Patience;
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
  readonly pause?: Pause;
}

const MAX_RETRY_AFTER_MS = 3_600_000;

/** Bot API client with a deadline per call; it pauses when Telegram asks for it. */
export class BotApi {
  readonly #root: URL;
  readonly #calls: Calls;

  /** Throws if `apiRoot` is not a URL. */
  constructor(private readonly options: BotApiOptions) {
    const { apiRoot } = options;
    if (!URL.canParse(apiRoot)) throw new Error(`api_root must be a URL, got ${JSON.stringify(apiRoot)}`);
    // A server may be below a path.
    this.#root = new URL(apiRoot.endsWith("/") ? apiRoot : `${apiRoot}/`);
    this.#calls = new Calls({ ...options, host: this.#root.host });
  }

  /** How a call that sends so many bytes is made: with the time that it needs, and not for ever. */
  forUpload(bytes: number): CallOptions {
    const { timeoutMs } = this.options;
    return { timeoutMs: uploadMs(timeoutMs, bytes), patience: uploadPatience(timeoutMs, bytes) };
  }

  /** Milliseconds until Telegram accepts messages again, after a 429. */
  get pausedMs(): number {
    return this.#calls.pausedMs;
  }

  /** Calls a method and ignores its result. Rejects with a `MessengerFailure`. */
  async call<M extends keyof Methods>(method: M, payload: Opts<M>, options?: CallOptions): Promise<void> {
    await this.ask(method, payload, (result): result is unknown => true, options);
  }

  /** Resolves to the result. Rejects with a `MessengerFailure`. */
  ask<M extends keyof Methods, Result>(
    method: M,
    payload: Opts<M>,
    check: Check<Result>,
    { patience = "once", timeoutMs = this.options.timeoutMs }: CallOptions = {},
  ): Promise<Result> {
    return this.#calls.run(method, patience, async () => {
      const result = await this.#askOnce(method, payload, timeoutMs);
      if (check(result)) return result;
      throw new MessengerFailure("busy", `${method}: unexpected response`);
    });
  }

  /** Fetches a file that somebody sent. Rejects with a `MessengerFailure`. */
  async download(fileId: string, maxBytes: number): Promise<Buffer> {
    const file = await this.ask("getFile", { file_id: fileId }, isObject);
    const path = "file_path" in file ? String(file.file_path) : "";
    // Below the folder of the bot's files; a server of one's own may answer with a path of its disk.
    if (!/^[\w-]+(?:\/[\w.-]+)*$/.test(path) || path.includes("..")) {
      throw new MessengerFailure("rejected", "getFile: unexpected path of a file");
    }
    const url = new URL(`./file/bot${this.options.token}/${path}`, this.#root);
    return this.#calls.run("a file", "once", () =>
      this.#calls.within(this.options.timeoutMs, (signal) => fetchFile(url, maxBytes, signal)),
    );
  }

  async #askOnce(method: string, payload: object, timeoutMs: number): Promise<unknown> {
    const url = new URL(`./bot${this.options.token}/${method}`, this.#root);
    const answer = await this.#calls.within(timeoutMs, (signal) => post(url, payload, signal));
    if (answer.ok) return answer.result;
    const failure = toFailure(answer);
    // After a 429, all messages wait.
    if (failure.retryAfterMs !== undefined && method !== "getUpdates")
      this.#calls.pause(failure.retryAfterMs);
    throw failure;
  }
}

function toFailure({ code, description, ...more }: Extract<BotApiAnswer, { ok: false }>): MessengerFailure {
  const reason = `answered ${code} ${description.slice(0, 200)}`;
  if (code === 401 || code === 404) return new MessengerFailure("token", reason);
  if (code === 409) return new MessengerFailure("conflict", reason);
  if (code === 429) return new MessengerFailure("busy", reason, retryAfterMs(more.retryAfterSecs));
  if (code >= 400 && code < 500) return new MessengerFailure("rejected", reason + movedTo(more.movedTo));
  return new MessengerFailure("busy", reason);
}

function retryAfterMs(secs: number | undefined): number {
  const ms = secs !== undefined && secs > 0 ? secs * 1000 : 1000;
  return Math.min(ms, MAX_RETRY_AFTER_MS);
}

function movedTo(id: number | undefined): string {
  return id === undefined ? "" : `; the group has a new id: set chat_id = "${id}"`;
}
