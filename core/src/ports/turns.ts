import type { PermissionDenial, Tokens, TurnResponse } from "@claudeway/schemas";
import type { Approval } from "./approvals.js";

/** Who asks: resolved once, at the edge, and carried along. */
export interface Caller {
  readonly keyId: string;
  /** The first configured key. */
  readonly admin: boolean;
}

/** What is fixed about a turn from its first moment on. */
export interface TurnInfo {
  /** A UUID; the id of a one-shot task's Claude session too. */
  readonly id: string;
  /** The Claude session's own UUID. */
  readonly sessionId: string;
  readonly kind: "task" | "session";
  readonly keyId: string;
  /**
   * `background`: the CLI began the turn by itself, since something that it ran in the background had ended. Not there:
   * `prompt`.
   */
  readonly origin?: TurnOrigin;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

export type TurnOrigin = "prompt" | "background";

/** What a turn is about to do; `beforeExecute` may return another one. */
export interface TurnPlan {
  readonly prompt: string;
  /** A name or alias that goes to the CLI as it is. */
  readonly model: string;
  readonly systemPrompt: string | undefined;
  /** Absolute path of an existing folder. */
  readonly workdir: string;
  /** How long the turn may run, in ms; time in the queue or waiting for a person does not count. */
  readonly timeoutMs: number;
  /** True: slash commands and `@file` mentions in the prompt are text. */
  readonly verbatim: boolean;
  /** The CLI stops the turn when it has cost this much, in USD. */
  readonly maxBudgetUsd: number | undefined;
}

/** Tokens and money of one model within one turn. */
export interface ModelShare {
  readonly tokens: Tokens;
  /** USD; null where no price is known. */
  readonly costUsd: number | null;
}

/** What a turn used. */
export interface TurnUsage {
  readonly tokens: Tokens;
  /** USD; null where only an estimate was possible and no price is known yet. */
  readonly costUsd: number | null;
  /** True where the process never reported: the tokens are those that were delivered, the price is learned. */
  readonly estimated: boolean;
  readonly byModel: Readonly<Record<string, ModelShare>>;
}

/** What a parked turn goes on with once its call is decided. The prompt is the CLI's, not kept here. */
export interface ParkedTurn {
  readonly approvalId: string;
  /** The call that the CLI asks about again. */
  readonly toolUseId: string;
  /** What is left of the turn's time is in `timeoutMs`. */
  readonly plan: Omit<TurnPlan, "prompt">;
  /** What its caller was answered. */
  readonly response: TurnResponse;
  /** Where its stream stood: the text, and the id of the last event. */
  readonly stream: { readonly text: string; readonly lastId: number };
  readonly ranMs: number;
  readonly queuedMs: number;
}

/** How a turn ended. `refused` never reached the engine; `lost` was running when a gateway died. */
export type TurnEnd = "completed" | "failed" | "refused" | "interrupted" | "timeout" | "lost";

/** The end of a turn, told to `afterExecute`, to the ledger and to the audit log. */
export interface TurnOutcome {
  readonly end: TurnEnd;
  readonly response: TurnResponse;
  readonly usage: TurnUsage;
  /** Milliseconds that the turn ran, without the queue. */
  readonly durationMs: number;
  /** Milliseconds that it waited for its place. */
  readonly queuedMs: number;
  /** 0 after a result, else the code of the process that ended without one, null if it was killed or never began. */
  readonly exitCode: number | null;
  /** The model that answered, as far as known, else the one asked for. */
  readonly model: string;
}

/** What a turn's stream carries, in order. Ids count up from 1 within a turn. */
export type TurnEvent =
  | { readonly type: "queued"; readonly position: number }
  | { readonly type: "text"; readonly delta: string }
  | { readonly type: "permission_request"; readonly approval: Approval }
  | { readonly type: "permission_resolved"; readonly approval: Approval }
  | { readonly type: "permission_denied"; readonly denials: readonly PermissionDenial[] }
  | { readonly type: "done"; readonly response: TurnResponse };
