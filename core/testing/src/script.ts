import type { ApprovalMode, Failure, SpawnPlan, TurnInfo, TurnPlan } from "@claudeway/ports";

/** A turn as it reached the engine, after all plugins. */
export interface ScriptedTurn {
  readonly prompt: string;
  readonly info: TurnInfo;
  readonly plan: TurnPlan;
  /** The launch spec of `claude`. */
  readonly spawn: SpawnPlan;
  readonly approvalMode: ApprovalMode;
  /** The earlier prompts of this session. */
  readonly earlier: readonly string[];
}

/** The outcome of a tool call. `input` is the one it ran with; the decision may have changed it. */
export type CallOutcome =
  | { readonly allowed: true; readonly input: Readonly<Record<string, unknown>> }
  | { readonly allowed: false; readonly message: string };

/** The total usage of a turn. */
export interface ScriptedUsage {
  /** In tokens; default: 10 input and 5 output. */
  readonly input?: number;
  readonly output?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
  /** In USD; default: 0.001. Null: the CLI reports none, as for a turn that was cut off. */
  readonly costUsd?: number | null;
}

/** One step of Claude in a turn; a string is text. */
export type Step =
  | string
  /** Says this, word by word. */
  | { readonly text: string }
  /** Makes a tool call, which is decided on as the approval mode says; nothing is really run. */
  | {
      readonly tool: string;
      readonly input?: Readonly<Record<string, unknown>>;
      /** The id of the call; default: a new one. */
      readonly id?: string;
      /** Set if a subagent makes the call, which then cannot park. */
      readonly agentId?: string;
    }
  /** Waits this many ms, or for a promise, or for good: until the turn is stopped. */
  | { readonly wait: number | PromiseLike<unknown> | "for good" }
  /** Says what the turn uses; the last one counts. */
  | { readonly usage: ScriptedUsage }
  /**
   * Ends the turn as failed, with the CLI's message. After a usage limit that the turn waits for, the script continues
   * with its next step.
   */
  | { readonly error: string; readonly failure?: Failure };

/** Steps in order. A generator receives the outcome of a tool call from its `yield`. */
export type Steps =
  | Iterable<Step, unknown, CallOutcome | undefined>
  | AsyncIterable<Step, unknown, CallOutcome | undefined>;

/**
 * What Claude does with a prompt: a text, or steps. A generator can go by what became of its tool calls:
 *
 *   function* ({ prompt }) {
 *     const call = yield { tool: "Write", input: { file_path: "a.txt", content: prompt } };
 *     yield call?.allowed ? "Written." : "I may not write.";
 *   }
 *
 * What it throws is a defect of the test: the turn answers 500 and the log has the error.
 */
export type Script = (turn: ScriptedTurn) => string | Steps | Promise<string | Steps>;

/** The default script of a test gateway. */
export const ECHO: Script = ({ prompt }) => `You said: ${prompt}`;
