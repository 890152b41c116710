import { IncomingWebhook, IncomingWebhookHTTPError } from "@slack/webhook";
import type { Message } from "./blocks.js";

/**
 * Why a message is not out. `busy`: later will do (429, 5xx, no answer); `refused`: the webhook itself is not taken, an
 * operator has to act; `payload`: this message is not taken.
 */
export class Undelivered extends Error {
  override readonly name = "Undelivered";

  constructor(
    readonly kind: "busy" | "refused" | "payload",
    message: string,
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

const MAX_RETRY_AFTER_MS = 600_000;
const MAX_REASON = 100;

/** What Slack says, with 400 too, of a webhook that is not to be used any more; other words are about the message. */
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

/** Slack's incoming webhook, with a deadline for each message and a word for each way to fail. */
export class Webhook {
  /** Names it in logs, without its secret path. */
  readonly name: string;

  /** Throws where the URL is none; the error does not repeat it. */
  constructor(
    private readonly url: string,
    private readonly timeoutMs: number,
  ) {
    if (!URL.canParse(url)) throw new Error("a webhook_url is no address");
    const { host, pathname } = new URL(url);
    const path = pathname.split("/");
    // The end of a path is its secret, however short it is; the start of Slack's names team and channel.
    this.name = `${host}${path.slice(0, Math.min(path.length - 1, 4)).join("/")}/***`;
  }

  /** Rejects with `Undelivered`. A message whose answer got lost may be delivered again. */
  async send(message: Message, signal: AbortSignal): Promise<void> {
    let retryAfter: string | null = null;
    // Not AbortSignal.any: each of those leaves something at the plugin's signal, which lives for months.
    const call = new AbortController();
    const abort = () => call.abort();
    const timer = setTimeout(abort, this.timeoutMs);
    signal.addEventListener("abort", abort, { once: true });
    // The library knows no abort and hides the response's headers.
    const fetchWithin = async (url: string | URL, init?: { method?: string; body?: string | FormData }) => {
      const response = await fetch(url, { ...init, redirect: "error", signal: call.signal });
      retryAfter = response.headers.get("retry-after");
      return response;
    };
    try {
      const { text } = await new IncomingWebhook(this.url, { fetch: fetchWithin }).send(message);
      // Slack says "ok"; a page comes from something that stands in between.
      if (/^\s*</.test(text)) throw new Undelivered("refused", "answered with a page; is webhook_url right?");
    } catch (error) {
      if (error instanceof Undelivered) throw error;
      if (error instanceof IncomingWebhookHTTPError) throw ofStatus(error, retryAfter);
      const reason = call.signal.aborted && !signal.aborted ? "no answer in time" : "can't be reached";
      throw new Undelivered("busy", reason);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }
}

function ofStatus({ statusCode, body }: IncomingWebhookHTTPError, retryAfter: string | null): Undelivered {
  // Slack's own words are short and plain; whatever else answers may be a page.
  const said = /^[\w ]+$/.test(body) ? ` ${body.slice(0, MAX_REASON)}` : "";
  const reason = `answered ${statusCode}${said}`;
  if (statusCode === 429) return new Undelivered("busy", reason, retryAfterMs(retryAfter));
  if (statusCode >= 500 || statusCode === 408) return new Undelivered("busy", reason);
  const gone = GONE.has(body.trim());
  if ((statusCode === 400 || statusCode === 413) && !gone) return new Undelivered("payload", reason);
  return new Undelivered("refused", `${reason}; is webhook_url still right?`);
}

function retryAfterMs(header: string | null): number {
  const secs = Number(header ?? "1");
  return Number.isFinite(secs) && secs > 0 ? Math.min(secs * 1000, MAX_RETRY_AFTER_MS) : 1000;
}
