import { MessengerFailure, unreachable } from "@claudeway/messenger";
import { IncomingWebhook, IncomingWebhookHTTPError } from "@slack/webhook";
import type { Message } from "./blocks.js";

const MAX_RETRY_AFTER_MS = 600_000;
const MAX_REASON = 100;

/** Slack's error codes, also with status 400, for a webhook that is gone. Other codes concern the message. */
const GONE = new Set([
  "no_service",
  "no_service_id",
  "no_active_hooks",
  "no_team",
  "team_disabled",
  "invalid_token",
  "user_not_found",
  "channel_not_found",
  "channel_is_archived",
  "action_prohibited",
  "posting_to_general_channel_denied",
]);

/** Slack's incoming webhook, with a deadline for each message and a kind for each failure. */
export class Webhook {
  /** The name in logs, without the secret path. */
  readonly name: string;

  /** Throws if `url` is not a URL; the error does not repeat it. */
  constructor(
    private readonly url: string,
    private readonly timeoutMs: number,
  ) {
    if (!URL.canParse(url)) throw new Error("webhook_url must be a URL");
    const { host, pathname } = new URL(url);
    const path = pathname.split("/");
    // The end of the path is the secret, however short it is; the start of Slack's path names team and channel.
    this.name = `${host}${path.slice(0, Math.min(path.length - 1, 4)).join("/")}/***`;
  }

  /** Rejects with `MessengerFailure`. A message may be delivered twice if its response was lost. */
  async send(message: Message, signal: AbortSignal): Promise<void> {
    let retryAfter: string | null = null;
    // Not AbortSignal.any: each one would leave a listener on the plugin's signal, which lives for months.
    const call = new AbortController();
    const abort = () => call.abort();
    const timer = setTimeout(abort, this.timeoutMs);
    signal.addEventListener("abort", abort, { once: true });
    // The library supports no abort signal and hides the response's headers.
    const fetchWithin = async (url: string | URL, init?: { method?: string; body?: string | FormData }) => {
      const response = await fetch(url, { ...init, redirect: "error", signal: call.signal });
      retryAfter = response.headers.get("retry-after");
      return response;
    };
    try {
      const { text } = await new IncomingWebhook(this.url, { fetch: fetchWithin }).send(message);
      // Slack answers "ok"; an HTML page comes from something in between.
      if (/^\s*</.test(text))
        throw new MessengerFailure("token", "responded with an HTML page; check webhook_url");
    } catch (error) {
      if (error instanceof MessengerFailure) throw error;
      if (error instanceof IncomingWebhookHTTPError) throw ofStatus(error, retryAfter);
      const isLate = call.signal.aborted && !signal.aborted;
      const reason = isLate ? "no response in time" : unreachable(error);
      throw new MessengerFailure("busy", reason);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }
}

function ofStatus(
  { statusCode, body }: IncomingWebhookHTTPError,
  retryAfter: string | null,
): MessengerFailure {
  // Slack's messages are short and plain; another server may send a page.
  const said = /^[\w ]+$/.test(body) ? ` ${body.slice(0, MAX_REASON)}` : "";
  const reason = `responded with ${statusCode}${said}`;
  if (statusCode === 429) return new MessengerFailure("busy", reason, retryAfterMs(retryAfter));
  if (statusCode >= 500 || statusCode === 408) return new MessengerFailure("busy", reason);
  const gone = GONE.has(body.trim());
  if ((statusCode === 400 || statusCode === 413) && !gone) return new MessengerFailure("rejected", reason);
  return new MessengerFailure("token", `${reason}; check webhook_url`);
}

function retryAfterMs(header: string | null): number {
  const secs = Number(header ?? "1");
  return Number.isFinite(secs) && secs > 0 ? Math.min(secs * 1000, MAX_RETRY_AFTER_MS) : 1000;
}
