import { setTimeout as sleep } from "node:timers/promises";
import type { PluginScope } from "@claudeway/core";
import { MessengerFailure, Outage } from "@claudeway/messenger";
import { clientOptions, quietLogger, toFailure } from "./slack-api.js";

/** What Slack delivers: an event, or a press of a button. */
export interface Envelope {
  readonly type: string;
  readonly body: unknown;
}

export interface SocketOptions {
  readonly appToken: string;
  readonly apiRoot: string;
  readonly timeoutMs: number;
  readonly scope: Pick<PluginScope, "log" | "notice" | "signal">;
  /** Before each connection: what the tokens are worth. Rejects with a `MessengerFailure`. */
  prepare(): Promise<string>;
  /** Called each time that it is connected. */
  connected(): void;
  /** Handles one envelope. Resolves when Slack may forget it. */
  handle(envelope: Envelope): Promise<void>;
}

/** Slack replaces connections every few hours; one that ends sooner must not be replaced in a tight loop. */
const MIN_SESSION_MS = 1000;

/**
 * Keeps one connection of Socket Mode until the plugin is switched off, and reports failures in the plugin list. The
 * library's own reconnecting is not used: a refused token is an unhandled rejection there.
 */
export class Socket {
  readonly #outage: Outage;

  constructor(private readonly options: SocketOptions) {
    this.#outage = new Outage("slack", options.scope, explain);
  }

  /** Resolves when the plugin is switched off. Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.options.scope;
    while (!signal.aborted) {
      const began = performance.now();
      try {
        await this.#session();
        const restMs = MIN_SESSION_MS - (performance.now() - began);
        if (restMs > 0) await sleep(restMs, undefined, { signal }).catch(() => undefined);
      } catch (error) {
        if (!signal.aborted) await this.#outage.failed(toFailure(error));
      }
    }
  }

  /** One connection. Resolves when it has ended. */
  async #session(): Promise<void> {
    const { appToken, apiRoot, timeoutMs, scope, prepare, connected } = this.options;
    const who = await prepare();
    const { LogLevel, SocketModeClient } = await import("@slack/socket-mode");
    const client = new SocketModeClient({
      appToken,
      autoReconnectEnabled: false,
      logger: quietLogger(LogLevel.ERROR),
      clientOptions: clientOptions({ apiRoot, timeoutMs, ...scope }),
    });
    const pending = new Set<Promise<void>>();
    let begin: () => void = () => undefined;
    // Slack may deliver before it is known that the connection works.
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    client.on("slack_event", (received: unknown) => {
      const run = begun.then(() => this.#receive(received)).finally(() => pending.delete(run));
      pending.add(run);
    });
    const ended = new Promise<void>((resolve) => client.once("disconnected", () => resolve()));
    const stop = () => void client.disconnect();
    scope.signal.addEventListener("abort", stop, { once: true });
    try {
      await inTime(client.start(), timeoutMs);
      this.#outage.over(`slack: ${who}`);
      connected();
      begin();
      await ended;
    } finally {
      begin();
      scope.signal.removeEventListener("abort", stop);
      await client.disconnect();
      await Promise.all(pending);
    }
  }

  /** An envelope that is not acknowledged is delivered again. Never rejects. */
  async #receive(received: unknown): Promise<void> {
    const { log, signal } = this.options.scope;
    if (!isReceived(received)) return log.warn("skipped an unexpected message of Slack");
    try {
      await this.options.handle({ type: received.type, body: received.body });
      await received.ack();
    } catch (error) {
      if (!signal.aborted)
        log.error({ err: error }, "the handler of an event failed; Slack delivers it again");
    }
  }
}

interface Received extends Envelope {
  ack(): Promise<void>;
}

function isReceived(value: unknown): value is Received {
  if (typeof value !== "object" || value === null) return false;
  return (
    "type" in value &&
    typeof value.type === "string" &&
    "body" in value &&
    "ack" in value &&
    typeof value.ack === "function"
  );
}

async function inTime(started: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new MessengerFailure("busy", "no connection in time")), ms);
  });
  try {
    await Promise.race([started, late]);
  } finally {
    clearTimeout(timer);
  }
}

function explain({ kind, message }: MessengerFailure): string {
  if (kind === "token")
    return `bot_token or app_token was refused (${message}); see the app's settings at api.slack.com`;
  return `cannot use Slack: ${message}`;
}
