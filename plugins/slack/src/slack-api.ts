import type { PluginScope } from "@claudeway/core";
import {
  Calls,
  MessengerFailure,
  type Patience,
  type Pause,
  readWithin,
  unreachable,
  uploadMs,
  uploadPatience,
} from "@claudeway/messenger";
import type { LogLevel, WebClient } from "@slack/web-api";

export interface SlackApiOptions {
  readonly botToken: string;
  readonly apiRoot: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly log: Pick<PluginScope["log"], "debug">;
  readonly pause?: Pause;
}

const MAX_RETRY_AFTER_MS = 600_000;

/** Slack's error codes for credentials that do not work. */
const TOKEN_ERRORS = new Set([
  "not_authed",
  "invalid_auth",
  "account_inactive",
  "token_revoked",
  "token_expired",
  "user_removed_from_team",
  "team_disabled",
  "not_allowed_token_type",
]);
/** Slack's error codes for what may succeed later. */
const BUSY_ERRORS = new Set([
  "ratelimited",
  "rate_limited",
  "internal_error",
  "fatal_error",
  "service_unavailable",
  "request_timeout",
  "team_added_to_org",
]);

/** Slack's Web API with a deadline per call; it pauses when Slack asks for it. */
export class SlackApi {
  readonly #calls: Calls;

  private constructor(
    private readonly client: WebClient,
    private readonly options: SlackApiOptions,
  ) {
    this.#calls = new Calls(options);
  }

  /** Loads the library, which only the bot needs. */
  static async open(options: SlackApiOptions): Promise<SlackApi> {
    const { LogLevel, WebClient } = await import("@slack/web-api");
    const logger = quietLogger(LogLevel.ERROR);
    return new SlackApi(new WebClient(options.botToken, { ...clientOptions(options), logger }), options);
  }

  get pausedMs(): number {
    return this.#calls.pausedMs;
  }

  /** How long to try to send so many bytes. */
  patienceFor(bytes: number): Patience {
    return uploadPatience(this.options.timeoutMs, bytes);
  }

  /** Rejects with a `MessengerFailure`. */
  call<Result>(
    what: string,
    run: (client: WebClient) => Promise<Result>,
    patience: Patience = "once",
  ): Promise<Result> {
    return this.#calls.run(what, patience, async () => {
      try {
        return await run(this.client);
      } catch (error) {
        const failure = toFailure(error);
        // After a 429, all messages wait.
        if (failure.retryAfterMs !== undefined) this.#calls.pause(failure.retryAfterMs);
        throw failure;
      }
    });
  }

  /** Fetches a file that somebody sent. The token goes to Slack only. */
  async download(url: string, maxBytes: number): Promise<Buffer> {
    const { apiRoot, botToken, timeoutMs } = this.options;
    if (!isSlacks(url, apiRoot)) throw new MessengerFailure("rejected", "a file is not at Slack");
    const headers = { authorization: `Bearer ${botToken}` };
    return this.#calls.run("a file", "once", () =>
      this.#calls.within(timeoutMs, async (signal) => {
        // Without the right to read files, Slack redirects to a page for people.
        const response = await fetch(url, { headers, redirect: "error", signal });
        const type = response.headers.get("content-type") ?? "";
        if (!response.ok || type.startsWith("text/html"))
          throw new MessengerFailure("rejected", `the file was answered with ${response.status} ${type}`);
        return readWithin(response, maxBytes, "a file");
      }),
    );
  }
}

/** Settings of the library's clients: a call is tried once, and ends when the plugin does. */
export function clientOptions({ apiRoot, timeoutMs, signal, log }: Omit<SlackApiOptions, "botToken">) {
  const calls = new Calls({ signal, log });
  return {
    slackApiUrl: apiRoot,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: true,
    fetch: (url: string | URL, init: RequestInit = {}) =>
      calls.within(uploadMs(timeoutMs, bytesOf(init)), (within) =>
        fetch(url, { ...init, redirect: "error", signal: within }),
      ),
  };
}

/** The size of the files in a request. */
function bytesOf({ body }: RequestInit): number {
  const parts = body instanceof FormData ? [...body.values()] : [];
  return parts.reduce((sum, part) => sum + (typeof part === "string" ? 0 : part.size), 0);
}

/** The library's messages may contain tokens and what people write. */
export function quietLogger(level: LogLevel) {
  const nothing = () => undefined;
  return {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: nothing,
    setLevel: nothing,
    getLevel: () => level,
    setName: nothing,
  };
}

/** What a failed call means. The library's messages may contain a URL, so only Slack's codes are passed on. */
export function toFailure(error: unknown): MessengerFailure {
  if (error instanceof MessengerFailure) return error;
  if (!isObject(error)) return new MessengerFailure("busy", "no response, or an unexpected one");
  if ("retryAfter" in error && typeof error.retryAfter === "number") {
    const ms = Math.min(Math.max(error.retryAfter, 1) * 1000, MAX_RETRY_AFTER_MS);
    return new MessengerFailure("busy", "answered 429", ms);
  }
  if ("statusCode" in error && typeof error.statusCode === "number")
    return new MessengerFailure("busy", `answered ${error.statusCode}`);
  const data = "data" in error && isObject(error.data) ? error.data : {};
  const code = "error" in data && typeof data.error === "string" ? data.error : undefined;
  if (code === undefined) return new MessengerFailure("busy", unreachable(error));
  // The library takes a page of something in between for a code.
  if (!/^[\w:.-]{1,80}$/.test(code)) return new MessengerFailure("busy", "an unexpected response");
  const needed = "needed" in data && typeof data.needed === "string" ? ` (needs ${data.needed})` : "";
  const reason = `answered ${code}${needed}`;
  if (TOKEN_ERRORS.has(code)) return new MessengerFailure("token", reason);
  return new MessengerFailure(BUSY_ERRORS.has(code) ? "busy" : "rejected", reason);
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Whether a URL is Slack's own, or that of the server in `api_root`: with TLS, unless that is on this machine. */
export function isSlacks(url: string, apiRoot: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, host } = new URL(url);
  const isRoot = host === new URL(apiRoot).host;
  if (protocol === "https:") return isRoot || hostname.endsWith(".slack.com");
  return protocol === "http:" && isRoot && LOOPBACK.test(hostname);
}
