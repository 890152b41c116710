import type { ContentBlock, EventKind, PermissionDenial, Tokens, TurnResponse } from "@claudeway/schemas";
import type { Approval, GrantedCall } from "./approvals.js";
import type { WorkEvent } from "./events.js";
import type { PluginFields, TurnOptions } from "./options.js";

/** The authenticated caller of a request; resolved once, at the HTTP edge. */
export interface Caller {
  readonly keyId: string;
  /** True for the first configured key. */
  readonly admin: boolean;
  /** Its request is left out of the audit log if it succeeds: for pages, whose reads would fill the log that they show. */
  readonly unrecorded?: boolean | undefined;
}

/** The facts of a turn that never change. */
export interface TurnInfo {
  /** A UUID. For a one-shot task it is also the id of the Claude session. */
  readonly id: string;
  /** The gateway's id of the session; also the CLI's, until `/clear`. */
  readonly sessionId: string;
  readonly kind: "task" | "session";
  readonly keyId: string;
  /**
   * `background`: the CLI began the turn by itself because background work had ended. Defaults to `prompt`.
   */
  readonly origin?: TurnOrigin;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** What its caller noted on it; nothing if undefined. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /**
   * What its request or its session has for plugins; a plugin reads its own with `requestFields`. Undefined for turns that
   * were lost in a crash.
   */
  readonly pluginFields?: PluginFields | undefined;
}

export type TurnOrigin = "prompt" | "background";

/** What a turn will run; `beforeExecute` may return a changed plan. */
export interface TurnPlan {
  /** The prompt's text; of content blocks, that of the text blocks, a line break between two. */
  readonly prompt: string;
  /**
   * The content blocks, if the prompt is more than text; they are what is sent. Changing only `prompt` replaces the text
   * among them. Files have no data yet.
   */
  readonly content?: readonly ContentBlock[] | undefined;
  /** A name or alias, passed to the CLI unchanged. */
  readonly model: string;
  readonly systemPrompt: string | undefined;
  /** Absolute path of an existing folder. */
  readonly workdir: string;
  /** How long the turn may run, in ms. Time in the queue does not count, nor time waiting for a
   * person's decision in the approval mode "ask". */
  readonly timeoutMs: number;
  /** True: slash commands and `@file` mentions in the prompt are treated as plain text. */
  readonly verbatim: boolean;
  /** The turn is stopped, and ends as `failed`, once what was delivered of it has cost this much, in USD. */
  readonly maxBudgetUsd: number | undefined;
  /** Set: a usage limit of the account parks the turn instead of ending it. */
  readonly limitWait?: LimitWait | undefined;
  /** Further options of the CLI. What widens what Claude may do is narrowed by the approval mode afterwards. */
  readonly options?: TurnOptions | undefined;
  /** The kinds of optional events in the turn's stream. Session events and the hook `event` have all of them in any case. */
  readonly events?: readonly EventKind[] | undefined;
}

/** Tokens and money of one model within one turn. */
export interface ModelShare {
  readonly tokens: Tokens;
  /** USD; null if no price is known. */
  readonly costUsd: number | null;
}

/** The tokens and money that a turn used. */
export interface TurnUsage {
  readonly tokens: Tokens;
  /** USD; null if the CLI reported no cost and no price has been learned yet. */
  readonly costUsd: number | null;
  /**
   * True if the CLI reported nothing, or not this turn alone: it ended without a result, broke off a message, or reported a
   * background subagent with it. The tokens are then those that were heard, and a missing price is learned from earlier turns.
   */
  readonly estimated: boolean;
  readonly byModel: Readonly<Record<string, ModelShare>>;
}

/** How long a turn waits for usage limits to be lifted. */
export interface LimitWait {
  /** At most this long in total since it was first parked, in ms. A limit that is lifted only later ends the turn at once. */
  readonly maxMs: number;
  /** Whether it waits for weekly limits too. */
  readonly weekly: boolean;
}

/** What a turn is parked for: a decision on a call, or a usage limit. */
export type ParkedTurn = KeptTurn & (ParkedForDecision | ParkedForLimit);

export interface ParkedForDecision {
  readonly approvalId: string;
  /** The call that the CLI asks about again when it resumes. */
  readonly toolUseId: string;
  readonly limit?: undefined;
}

export interface ParkedForLimit {
  readonly limit: ParkedLimit;
  readonly approvalId?: undefined;
  readonly toolUseId?: undefined;
}

export interface ParkedLimit {
  /** When it is lifted, ISO 8601, UTC. */
  readonly resetsAt: string;
  /** When the turn was first parked for a limit, ISO 8601, UTC. */
  readonly since: string;
  /** Tells the account apart from others. */
  readonly account: string;
  /** How often the turn was parked for limits. */
  readonly times: number;
}

/** What is stored to resume a parked turn. The prompt is only in the CLI's transcript. */
export interface KeptTurn {
  /** `timeoutMs` is the time that the turn has left, at least 30 s. */
  readonly plan: Omit<TurnPlan, "prompt" | "content">;
  /** The answer that its caller received when the turn parked. */
  readonly response: TurnResponse;
  /** The calls that it was begun for and that have not run; undefined if there are none, or by an older version. */
  readonly granted?: readonly GrantedCall[] | undefined;
  /** The state of its stream: the text so far, and the id of the last event. */
  readonly stream: { readonly text: string; readonly lastId: number };
  readonly ranMs: number;
  readonly queuedMs: number;
}

/** How a turn ended. `refused`: it never reached the engine. `lost`: it was running when the gateway was killed. */
export type TurnEnd = "completed" | "failed" | "refused" | "interrupted" | "timeout" | "lost";

/** How a turn ended, as passed to `afterExecute`, the ledger and the audit log. */
export interface TurnOutcome {
  readonly end: TurnEnd;
  readonly response: TurnResponse;
  readonly usage: TurnUsage;
  /** Milliseconds that the turn ran, without the queue. */
  readonly durationMs: number;
  /** Milliseconds that it waited for the session's earlier turns and in the queue. */
  readonly queuedMs: number;
  /** 0 after a result; otherwise the exit code of the process. Null if the process was killed or never started. */
  readonly exitCode: number | null;
  /** The model that answered, if known; otherwise the requested model. */
  readonly model: string;
  /** Why the model stopped, as it reported: `end_turn`, `tool_use`, `max_tokens`, …; undefined if it did not. */
  readonly stopReason?: string | undefined;
  /** How many calls the model and its subagents made of each tool. For a resumed turn, since it resumed. */
  readonly toolCalls?: Readonly<Record<string, number>> | undefined;
  /** Milliseconds from the start of the engine's work to the first output of the model; undefined if there was none. */
  readonly firstTokenMs?: number | undefined;
  /** The process that ran the turn: the session's own, one that was started ahead, or a new one. */
  readonly process?: ProcessStart | undefined;
  /** The accounts of the configuration that ran the turn, in order; more than one if limits were reached. */
  readonly accounts?: readonly string[] | undefined;
}

export type ProcessStart = "live" | "prewarmed" | "cold";

/** The events of a turn's stream. In the stream they are numbered from 1, per turn. */
export type TurnEvent =
  | { readonly type: "queued"; readonly position: number }
  | { readonly type: "text"; readonly delta: string }
  | { readonly type: "permission_request"; readonly approval: Approval }
  | { readonly type: "permission_resolved"; readonly approval: Approval }
  | { readonly type: "permission_denied"; readonly denials: readonly PermissionDenial[] }
  | { readonly type: "done"; readonly response: TurnResponse }
  | WorkEvent;
