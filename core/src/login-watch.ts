import { setTimeout as sleep } from "node:timers/promises";
import { GatewayError, messageOf } from "@claudeway/ports";
import type { Tokens, TurnResponse } from "@claudeway/schemas";
import type { Logger } from "pino";

/** How often the CLI is asked at most, in ms: each time starts a process. */
const ASK_EVERY_MS = 30_000;
/** How long `check` waits for the first answer, in ms. */
const FIRST_ANSWER_MS = 5_000;
/** Seconds after which a client may retry: a person must log in first. */
const RETRY_SECS = 30;

/** What is wrong, and what the operator has to do. */
export const NOT_LOGGED_IN = "claude is not logged in: run `claudeway login`, or set ANTHROPIC_API_KEY";

export interface LoginWatchParts {
  /** How the CLI is logged in; undefined if it is not. Rejects if that can't be found out. */
  readonly ask: () => Promise<string | undefined>;
  /** Aborted when the gateway closes. */
  readonly closing: AbortSignal;
  readonly log: Logger;
  readonly now?: () => number;
}

/** What the end of a turn says of the login. */
interface EndedTurn {
  readonly usage: { readonly tokens: Pick<Tokens, "output"> };
  readonly response: Pick<TurnResponse, "code">;
}

/**
 * Whether the CLI is logged in. It is asked once after the start; later only while it was not logged in, and after a turn
 * whose login was refused. A turn that the model answered shows a login without asking.
 */
export class LoginWatch {
  #state: "unknown" | "present" | "missing" = "unknown";
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Counts calls of `forget`: an answer about an earlier environment does not count. */
  #environment = 0;
  #asking: Promise<void> | undefined;
  /** The first question since the start, or since `forget`. */
  #first: Promise<void> | undefined;

  constructor(private readonly parts: LoginWatchParts) {}

  /**
   * Resolves to what the operator has to do, once the CLI has answered; undefined if nothing is known to be wrong. The
   * CLI is asked after `delayMs`, unless `check` asks it before.
   */
  async warning(delayMs = 0): Promise<string | undefined> {
    const { closing: signal } = this.parts;
    if (delayMs > 0) await sleep(delayMs, undefined, { signal, ref: false }).catch(() => undefined);
    await (this.#first ?? this.#ask());
    return this.#state === "missing" ? NOT_LOGGED_IN : undefined;
  }

  /** Throws UNAVAILABLE while the CLI is not logged in. A login that came since is noticed by a later call. */
  async check(): Promise<void> {
    if (this.#state !== "present" && this.#isDue()) void this.#ask();
    if (this.#first !== undefined && this.#state === "unknown") await withinMs(this.#first, FIRST_ANSWER_MS);
    if (this.#state !== "missing") return;
    throw new GatewayError("UNAVAILABLE", NOT_LOGGED_IN, {
      headers: { "retry-after": String(RETRY_SECS) },
      details: { reason: "not_logged_in" },
    });
  }

  /** To be called with every end of a turn. */
  turnEnded({ usage, response }: EndedTurn): void {
    if (usage.tokens.output > 0) this.#note("present");
    else if (response.code === "AUTHENTICATION_FAILED" && this.#isDue()) void this.#ask();
  }

  /** Forgets what is known, since a plugin may have changed what the CLI is started with. */
  forget(): void {
    this.#environment++;
    this.#state = "unknown";
    this.#askedAt = Number.NEGATIVE_INFINITY;
    this.#asking = undefined;
    this.#first = undefined;
  }

  #isDue(): boolean {
    return this.#now() - this.#askedAt >= ASK_EVERY_MS;
  }

  /** Never rejects. */
  #ask(): Promise<void> {
    if (this.#asking !== undefined) return this.#asking;
    const asking = this.#askNow().finally(() => {
      if (this.#asking === asking) this.#asking = undefined;
    });
    this.#asking = asking;
    this.#first ??= asking;
    return asking;
  }

  async #askNow(): Promise<void> {
    if (this.parts.closing.aborted) return;
    this.#askedAt = this.#now();
    const environment = this.#environment;
    try {
      const login = await this.parts.ask();
      if (this.#environment === environment) this.#note(login === undefined ? "missing" : "present");
    } catch (error) {
      if (this.parts.closing.aborted) return;
      this.parts.log.warn(`the CLI does not say whether it is logged in: ${messageOf(error)}`);
    }
  }

  #note(state: "present" | "missing"): void {
    if (state === this.#state) return;
    if (state === "missing") this.parts.log.warn(NOT_LOGGED_IN);
    else if (this.#state === "missing") this.parts.log.info("claude is logged in");
    this.#state = state;
  }

  #now(): number {
    return (this.parts.now ?? performance.now.bind(performance))();
  }
}

async function withinMs(promise: Promise<void>, ms: number): Promise<void> {
  const enough = new AbortController();
  const late = sleep(ms, undefined, { signal: enough.signal, ref: false }).catch(() => undefined);
  await Promise.race([promise, late]);
  enough.abort();
}
