import type { Frame, HistoryMessage, Refusal, SessionRecord, TextMode, TurnOptions } from "@claudeway/ports";
import type { ContentBlock, EventKind, TurnResponse } from "@claudeway/schemas";

export interface NewSessionRequest {
  readonly model?: string;
  /** What holds for its turns. What widens must be allowed for the key, as in a request. */
  readonly options?: Omit<TurnOptions, "maxTurns" | "outputSchema" | "clientTools" | "singleClientCall">;
  /** True: lists leave the session out. */
  readonly hidden?: boolean;
  readonly systemPrompt?: string;
  /** An existing folder; by default, the gateway creates one. */
  readonly workdir?: string;
  /** What was said before: its first turn goes on from there, as if Claude had said it. */
  readonly history?: readonly HistoryMessage[];
}

/** What is copied of a session. */
export interface SessionForkOptions {
  /** The id of the last turn to copy; by default, all are. It must have ended. */
  readonly at?: string;
  /** True: lists leave the copy out. */
  readonly hidden?: boolean;
}

export interface PromptRequest {
  /** The text; ignored if there is `content`. */
  readonly prompt: string;
  /** Content blocks, instead of the text. After a response with `client_calls`, the results of those. */
  readonly content?: readonly ContentBlock[];
  /** By default, the session's. */
  readonly model?: string;
  /** By default, the session's. */
  readonly systemPrompt?: string;
  /** For this turn alone. What widens must be allowed for the key, as in a request. */
  readonly options?: TurnOptions;
  /** The turn is interrupted once it has cost this much, in USD. */
  readonly maxBudgetUsd?: number;
  /**
   * When the account's usage limit is reached: `fail` ends the turn, `wait` parks it until the limit is lifted; by
   * default, as configured for the gateway. The handle's `answer` is then that of the parked turn; `afterExecute` has the
   * outcome.
   */
  readonly onLimit?: "fail" | "wait";
  /** With `wait`: how long the turn may be parked in all, in seconds. Default: 6 h, and never for a weekly limit. */
  readonly maxWaitSecs?: number;
  /** Which further events `TurnHandle.read` has. */
  readonly events?: "all" | readonly EventKind[];
  /** Up to 16 pairs, kept with the turn. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Default: 600. */
  readonly timeoutSecs?: number;
  /** True: slash commands and `@file` mentions are plain text. */
  readonly verbatim?: boolean;
  /** True: withdraw a pending approval; without it, the prompt is refused with CONFLICT. */
  readonly withdrawPending?: boolean;
  /** True: if the conversation is lost (`CONVERSATION_LOST`), start a new one under the session's id. */
  readonly restartConversation?: boolean;
}

/** A prompt without a session. */
export interface PluginTaskRequest extends Omit<PromptRequest, "withdrawPending" | "restartConversation"> {
  /** An existing folder; by default, the base folder. */
  readonly workdir?: string;
}

/** A turn that a plugin started. */
export interface TurnHandle {
  readonly id: string;
  readonly sessionId: string;
  /** Its events after the one with the id `after` (0 for all); null is a heartbeat. */
  read(options: { readonly mode: TextMode; readonly after?: number }): AsyncIterable<Frame | null>;
  /** The whole response, also of a turn that failed, was refused or was interrupted. Never rejects. */
  readonly answer: Promise<TurnResponse>;
  /**
   * The same, but rejects where a client of the HTTP API gets an error instead: a plugin refused the turn, it ran past its
   * time, the gateway is shutting down. A route can let the error through.
   */
  result(): Promise<TurnResponse>;
  /** Ends the turn. With a refusal, its caller gets that, as if the turn had been refused at its start. */
  interrupt(refusal?: Refusal): void;
}

/** Sessions and prompts on behalf of a key, handled like requests. */
export interface TurnRunner {
  /** Rejects with CONFLICT if there is `history` that the gateway can't write for the CLI. */
  startSession(keyId: string, request?: NewSessionRequest): Promise<SessionRecord>;
  /**
   * A session that begins with what was said in another one, see `POST /session/:id/fork`. Resolves to its id. Rejects with
   * NOT_FOUND if the session does not belong to this key, and with CONFLICT while its last turn runs, unless `at` names an
   * earlier one.
   */
  forkSession(keyId: string, sessionId: string, options?: SessionForkOptions): Promise<string>;
  /**
   * Rejects with NOT_FOUND if the session does not belong to this key, and with CONFLICT while one of its calls is
   * pending.
   */
  prompt(keyId: string, sessionId: string, request: PromptRequest): Promise<TurnHandle>;
  /** One prompt without a session, on a prewarmed process if there is one, as `POST /task`. 120 s unless given. */
  task(keyId: string, request: PluginTaskRequest): Promise<TurnHandle>;
  /** Sets the title of a session; null removes it. Rejects with BAD_REQUEST like `PATCH /session/:id`. */
  renameSession(keyId: string, sessionId: string, title: string | null): Promise<void>;
  /** Lets exactly these denied calls run; see `POST /session/:id/approve`. */
  approve(keyId: string, sessionId: string, toolUseIds: readonly string[]): Promise<TurnHandle>;
  /** Resolves to false if no turn was running. */
  interrupt(keyId: string, sessionId: string): Promise<boolean>;
  /**
   * Ends what the session does by itself: a turn that the CLI began, and what runs in the background. The session's next
   * answer reports the loss (`background_lost`, `interrupted`). A prompt that runs goes on: `interrupt` ends it with all
   * that it started. False: nothing was ended.
   */
  endBackground(keyId: string, sessionId: string): Promise<boolean>;
  endSession(keyId: string, sessionId: string): Promise<void>;
  /** Follows a running turn of any key; undefined if it does not run at this gateway. */
  follow(turnId: string): TurnHandle | undefined;
}
