import type { ApprovalMode, SpawnPlan, TurnInfo, TurnPlan } from "@claudeway/core/ports";

/** A turn as it reached the engine, after every plugin had its say. */
export interface ScriptedTurn {
  readonly prompt: string;
  readonly info: TurnInfo;
  readonly plan: TurnPlan;
  /** What `claude` would have been started with. */
  readonly spawn: SpawnPlan;
  readonly approvalMode: ApprovalMode;
  /** The prompts that this session has had before. */
  readonly earlier: readonly string[];
}

/** What became of a tool call. `input` is the one that it ran with: whoever allowed it may have changed it. */
export type CallOutcome =
  | { readonly allowed: true; readonly input: Readonly<Record<string, unknown>> }
  | { readonly allowed: false; readonly message: string };

/** What a turn uses, in all. */
export interface ScriptedUsage {
  /** Tokens; 10 in and 5 out unless given. */
  readonly input?: number;
  readonly output?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
  /** USD; 0.001 unless given. */
  readonly costUsd?: number;
}

/** One thing that Claude does in a turn; a string is text. */
export type Step =
  | string
  /** Says this, word by word. */
  | { readonly text: string }
  /** Makes a tool call, which is decided on as the approval mode says; nothing is really run. */
  | {
      readonly tool: string;
      readonly input?: Readonly<Record<string, unknown>>;
      /** Names the call; a new id unless given. */
      readonly id?: string;
      /** Set where a subagent makes the call: it can't be parked. */
      readonly agentId?: string;
    }
  /** Waits this many ms, or for a promise, or for good: until the turn is stopped. */
  | { readonly wait: number | PromiseLike<unknown> | "for good" }
  /** Says what the turn uses; the last one counts. */
  | { readonly usage: ScriptedUsage }
  /** Ends the turn as failed, with the CLI's message. */
  | { readonly error: string };

/** Steps one after the other. A generator hears at each `yield` of a tool call what became of it. */
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

/** The script of a test gateway that was given none. */
export const ECHO: Script = ({ prompt }) => `You said: ${prompt}`;
