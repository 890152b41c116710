import type { ClientCall, ContentBlock, EventKind, FailureCode, PermissionDenial } from "@claudeway/schemas";
import type { GrantedCall } from "./approvals.js";
import type { Conversations } from "./conversations.js";
import type { EngineEvent, EventListener } from "./events.js";
import type { SharedTranscripts, Transcripts } from "./transcripts.js";
import type { ProcessStart, TurnInfo, TurnPlan, TurnUsage } from "./turns.js";

/** How the CLI is started. Two turns share a live process only if their plans are equal. */
export interface SpawnPlan {
  /** The program to run; by default the CLI itself. */
  readonly command: string;
  /** Arguments that go before the CLI's own: with `command: "sudo"`, say `["-u", "claude", "/usr/bin/claude"]`. */
  readonly args: readonly string[];
  /** The complete environment of the child, without the gateway's secrets. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Further options of the CLI's session. */
  readonly options: SpawnOptions;
  /** The id of the user that `command` runs the CLI as; by default the gateway's own. */
  readonly uid?: number | undefined;
  /** The name of the account in the configuration whose variables are in `env`; undefined if none is configured. */
  readonly account?: string | undefined;
}

export interface SpawnOptions {
  readonly allowedTools?: readonly string[];
  readonly disallowedTools?: readonly string[];
  readonly additionalDirectories?: readonly string[];
  readonly maxTurns?: number;
  readonly fallbackModel?: string;
}

/** Why a running turn is ended from outside. */
export type StopReason =
  | "timeout"
  | "interrupted"
  | "disconnected"
  | "deleted"
  | "shutdown"
  /** In a cluster: this node may not work any more. */
  | "fenced"
  | "budget";

/** A tool call that the CLI is about to make and asks the gateway about. */
export interface AskedCall extends GrantedCall {
  /** The current directory of the CLI's shell. */
  readonly cwd: string;
  /** Set if a subagent makes the call. */
  readonly agentId: string | undefined;
  /**
   * True: the call can't be parked, because the CLI can't keep it after its process ends. If unset, that is so for the
   * calls of subagents.
   */
  readonly held?: boolean;
  /** Aborted when the CLI no longer waits for an answer. */
  readonly signal: AbortSignal;
  /**
   * Whether this call can be parked. The CLI can keep only the last call of a message after its process ends, and only
   * once the message's other calls are settled. Resolves to true at that point, or to false at once for any other call.
   */
  untilLast(): Promise<boolean>;
}

/** `defer` parks: the turn ends, the CLI keeps the call, and it asks again when the session is resumed. */
export type CallAnswer =
  | { readonly answer: "allow"; readonly input?: Readonly<Record<string, unknown>> }
  | { readonly answer: "deny"; readonly message: string }
  | { readonly answer: "defer" };

/** A tool call that the CLI's own rules are about to decide on. */
export type UnaskedCall = Pick<AskedCall, "tool" | "input" | "cwd">;

/** Decides on every tool call of a turn. Never rejects. */
export interface CallDecider {
  decide(call: AskedCall): Promise<CallAnswer>;
}

/**
 * How tool calls are treated. `bypass`: every call runs. `deny`: calls that need permission are denied and listed in
 * the answer. `ask`: a `CallDecider` decides every call.
 */
export type ApprovalMode = "bypass" | "deny" | "ask";

/** A call that the CLI kept from a parked turn and that must not run any more. */
export interface UnresolvedCall {
  readonly toolUseId: string;
  /** False: the CLI may have settled the call already, since an answer was sent to a process that then ended. */
  readonly certain: boolean;
}

/** A file that a prompt mentions as `@path`. */
export interface MentionedFile {
  /** Absolute, with every link followed. */
  readonly path: string;
  /** Its content, with its name. */
  readonly blocks: readonly ContentBlock[];
}

/** What the engine needs to run one turn. */
export interface EngineTurn {
  readonly approvalMode: ApprovalMode;
  /** Set in the approval mode "ask". */
  readonly decider: CallDecider | undefined;
  /**
   * Set outside the approval mode "ask" if the model may ask its user questions (AskUserQuestion): answers those calls.
   */
  readonly questions?: CallDecider | undefined;
  /**
   * Set in the approval mode "deny". True for a call that needs permission although the CLI would let it run unasked.
   * Never rejects.
   */
  readonly needsPermission?: (call: UnaskedCall) => Promise<boolean>;
  /**
   * For a parked turn that resumes, the `toolUseId` of its call: the session is resumed without a prompt, and the CLI
   * asks about that call again.
   */
  readonly parkedCall: string | undefined;
  /** True: the turn was parked for a usage limit. The conversation has its prompt, and the CLI is asked to go on. */
  readonly promptSent?: boolean;
  /** Calls that the CLI has kept from parked turns that ended for another reason: they must not run. */
  readonly unresolved: readonly UnresolvedCall[];
  readonly info: TurnInfo;
  readonly plan: TurnPlan;
  /** The files that the prompt mentions and that may be shown to the model; always empty with the bypass on. */
  readonly mentions?: readonly MentionedFile[];
  /** True: the settings in the working directory load with the bypass off too. */
  readonly trusted?: boolean;
  readonly spawn: SpawnPlan;
  /** True if an earlier turn of this session may have left a conversation to resume. */
  readonly resume: boolean;
  /** True: if that conversation is lost, start a new one under the same id. */
  readonly restart: boolean;
  /** The session's CLI totals before this turn; undefined for a new conversation. */
  readonly totals: SessionTotals | undefined;
  /** Calls that may run although the approval mode denies them. */
  readonly granted: readonly GrantedCall[];
}

/** Tokens and money of one model, as the CLI counts them. */
export interface ModelTotals {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  /** USD; null if the tokens were seen but no price was reported. */
  readonly costUsd: number | null;
}

export type TotalsByModel = Readonly<Record<string, ModelTotals>>;

/**
 * The cumulative totals that a session's CLI reports, kept between its processes. A turn's cost is a difference of two.
 */
export interface SessionTotals {
  /** True: the CLI has completed a turn in this conversation, so that losing the conversation matters. */
  readonly answered?: boolean;
  /** The ids of the calls that the conversation needs results for: those of client tools, and what was left with them. */
  readonly calls?: readonly string[];
  /** The ids of calls that the CLI went on without by itself: for the model they failed. */
  readonly late?: readonly string[];
  /** True: the CLI is in plan mode, where it changes nothing. A process that resumes must be started in that mode. */
  readonly planMode?: boolean;
  /** The CLI's own id of the session, set only if it differs from ours: after `/clear`. */
  readonly session?: string;
  /** The latest messages of subagents that no report contained: no turn has been charged for them yet. */
  readonly unreported?: readonly UnreportedMessage[];
  /** What subagents used that reports contained, and no turn has been charged for yet. */
  readonly carried?: TotalsByModel;
  /**
   * The totals that the session's next process may start from, likeliest first. That process's first report shows which
   * one applies: it starts from what the last process saved when it ended.
   */
  readonly bases: readonly TotalsByModel[];
}

/** A message of a subagent, as far as it was heard. */
export interface UnreportedMessage {
  /** The API's own id of it. */
  readonly id: string;
  readonly model: string;
  readonly used: ModelTotals;
}

/** Work that the CLI keeps running between turns: a shell command, a subagent. */
export interface BackgroundTask {
  /** The CLI's own id of it. */
  readonly id: string;
  /** `shell`, `subagent`, `workflow`, `mcp`, or the CLI's own name for any other kind. */
  readonly kind: string;
  readonly description: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

/** Why background work was stopped before it finished. */
export type TaskLoss =
  /** It ran longer than `[engine] background_secs`, or more of it ran at once than is allowed. */
  | "limit"
  /** Its process was idle for too long. */
  | "idle"
  | "memory"
  /** Its process was ended to start one for another session. */
  | "room"
  /** The session's next turn needed a different process, for example for another model. */
  | "replaced"
  /** Its turn was ended from outside, with everything that the turn had started. */
  | "interrupted"
  /** A one-shot task's process ends with its answer. */
  | "task"
  | "shutdown"
  /** The gateway was killed. */
  | "restart"
  /** The CLI ended by itself, or was killed. */
  | "died";

/** Background work that was stopped before it finished. */
export interface LostTask extends BackgroundTask {
  readonly reason: TaskLoss;
}

/**
 * A turn that the CLI began by itself because background work finished or was lost. It is already running.
 */
export interface BackgroundTurn {
  /** The latest turn of its process. */
  readonly after: Pick<EngineTurn, "info" | "plan" | "approvalMode">;
  /** Reports the turn from its beginning to its end. To be called once. Aborting the signal ends the turn. */
  run(terms: BackgroundTurnTerms, listener: EngineListener, stop: AbortSignal): Promise<EngineResult>;
}

/** How the tool calls of a turn that the CLI began by itself are decided. */
export type BackgroundTurnTerms = Pick<EngineTurn, "decider" | "needsPermission">;

/** Receives what happens in sessions outside `Engine.run`. */
export interface SessionListener {
  /** The CLI began a turn by itself. */
  began(turn: BackgroundTurn): void;
  /** The background work of a session changed; `running` is all of it. */
  tasks(sessionId: string, running: readonly BackgroundTask[]): void;
  /** Background work was stopped before it finished. */
  lost(sessionId: string, tasks: readonly LostTask[]): void;
  /** Whether a client or a plugin listens to events of this kind from outside the session's turns. `after`: its latest turn. */
  wants(kind: EventKind, after: TurnInfo): boolean;
  /** Something happened in a session outside its turns, for example in a background subagent. */
  event(event: EngineEvent, after: TurnInfo): void;
}

/** Receives the progress of one running turn. */
export interface EngineListener extends EventListener {
  /** New text of the answer. */
  text(delta: string): void;
  /** The turn's usage so far; called on every message that carries usage. */
  usage(usage: TurnUsage): void;
  /** The process that runs the turn. */
  process(child: ChildNote): void;
  /** The calls in `EngineTurn.unresolved` are settled: the CLI will not ask about them any more. */
  settledUnresolved(): void;
  /** The session continues with another model: its user ran `/model`. */
  model(model: string): void;
  /** The session's CLI totals changed. Called with the result, and again if the process then ends by a kill. */
  totals(totals: SessionTotals): void;
}

/** Identifies a child process: enough to find it again and to be sure that it is ours. */
export interface ChildNote {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat; 0 without /proc. */
  readonly startTime: number;
  /** The value of `CLAUDEWAY_PROCESS` in the child's environment. */
  readonly marker: string;
}

/** Why Claude did not answer. */
export interface Failure {
  readonly code: FailureCode;
  /** With `USAGE_LIMIT`: when the limit is lifted, ISO 8601, UTC. */
  readonly resetsAt?: string;
  /** With `USAGE_LIMIT`: the CLI's name of the limit, such as `five_hour`. */
  readonly limit?: string;
}

export interface EngineResult {
  /** `parked`: the decider deferred a call, and the CLI keeps it. */
  readonly end: "completed" | "failed" | "stopped" | "parked";
  /** The CLI's result text; without a result, the text so far. */
  readonly text: string;
  /** If `end` is "parked": the call's `toolUseId`. */
  readonly deferred: string | undefined;
  /** The calls of client tools that the turn completed with. */
  readonly calls?: readonly ClientCall[];
  /** If `end` is "failed": the CLI's own message. */
  readonly error: string | null;
  /** If `end` is "failed": why. If it is "stopped": why the last request failed that the CLI was about to repeat. */
  readonly failure?: Failure;
  /** The output that `TurnOptions.outputSchema` asked for, unchecked; undefined if there is none. */
  readonly structuredOutput?: unknown;
  readonly usage: TurnUsage;
  /** Usage that was streamed but that the CLI's report does not contain. Its price must be estimated. */
  readonly unreported?: TurnUsage;
  readonly denials: readonly PermissionDenial[];
  /** The `toolUseId`s of the granted calls that ran. */
  readonly ran: readonly string[];
  readonly exitCode: number | null;
  /** Subagents that keep running in the background, by the CLI's own id. */
  readonly agents?: readonly string[];
  /** Background work that was stopped with the turn's process. */
  readonly lost?: readonly LostTask[];
  /** The model that answered, if known. */
  readonly model: string | undefined;
  /** See `TurnOutcome`. */
  readonly stopReason?: string | undefined;
  readonly toolCalls?: Readonly<Record<string, number>>;
  readonly firstTokenMs?: number | undefined;
  readonly process?: ProcessStart;
}

export interface ModelName {
  readonly id: string;
  readonly name: string;
}

/** A slash command. */
export interface CommandName {
  /** Without the slash. */
  readonly name: string;
  readonly description: string;
  /** What may follow the name, such as `<file>`; empty if nothing. */
  readonly argumentHint: string;
}

/** Runs turns. A failure on the CLI's side is a result, not a rejection. */
export interface Engine {
  /** Runs one turn. Aborting the signal (its reason is a StopReason) ends it, with all that it started, within 5 s. */
  run(turn: EngineTurn, listener: EngineListener, stop: AbortSignal): Promise<EngineResult>;
  /** Sets the listener for what happens outside `run`. To be called once, before the first turn. */
  listen(listener: SessionListener): void;
  /** The background work of a session, oldest first. */
  background(sessionId: string): readonly BackgroundTask[];
  /** The models that the CLI offers. Rejects if the CLI does not answer. */
  models(spawn: SpawnPlan): Promise<readonly ModelName[]>;
  /** The slash commands that a prompt may run in every approval mode. Rejects as `models` does. */
  commands?(spawn: SpawnPlan): Promise<readonly CommandName[]>;
  /**
   * How the CLI is logged in, in a few words; undefined if it is not. Sends nothing to a model. Rejects if the CLI does
   * not answer.
   */
  login(spawn: SpawnPlan): Promise<string | undefined>;
  /** What the CLI recorded of conversations; absent where that can't be read. */
  readonly conversations?: Conversations;
  /** How many CLI processes are alive. */
  readonly processes: number;
  /** Whether a live process waits for the session's next turn. */
  keeps?(sessionId: string): boolean;
  /** The id for the next one-shot task: that of a prewarmed process, if there is one. */
  taskId(): string;
  /** Gives a task id back that no turn will use: ends the process that was prewarmed for it, if any. */
  abandon(taskId: string): void;
  /** Ends the process that is kept for a session. */
  release(sessionId: string): Promise<void>;
  /** In a cluster: false if what was said in the session could not be saved for other nodes. */
  saved?(sessionId: string): Promise<boolean>;
  /** Ends the idle processes, for example because spawn plans have changed. */
  retire(why?: TaskLoss): Promise<void>;
  /** Ends every process. */
  close(): Promise<void>;
}

/** Usage that the CLI recorded in its own transcript for a part of a session. */
export interface WrittenUsage {
  readonly used: TotalsByModel;
  /** What was known before and no turn has been charged for: `SessionTotals.carried`. */
  readonly carried: TotalsByModel;
  /** The session's totals afterwards, if the CLI saved them. */
  readonly totals?: SessionTotals;
}

/** An engine that was found and checked, but not started. */
export interface EngineSource {
  /** The CLI that the engine runs. */
  readonly claude: {
    /** Absolute path. */
    readonly path: string;
    readonly origin: "bundled" | "configured";
    readonly version: string;
  };
  /**
   * The usage that the CLI itself recorded for a session since `since`, which the gateway may not have received before
   * it was killed. `session` is the CLI's own id, `env` the CLI's environment, `before` the session's totals at
   * `since`. `stored`: read instead of the CLI's files where another node has run the session since. Never rejects.
   */
  writtenSince?(
    session: string,
    env: NodeJS.ProcessEnv,
    since: Date,
    before: SessionTotals | undefined,
    stored?: Pick<Transcripts, "find" | "read">,
  ): Promise<WrittenUsage | undefined>;
  /** Starts a guard that ends the processes whose marker begins with `marker` when the gateway is killed. */
  guard?(marker: string): ProcessGuard;
  /**
   * Starts the engine. `marker` is the prefix of its processes' markers; each process is registered with `guard`. `shared`:
   * other nodes go on with its conversations.
   */
  open(marker: string, guard?: ProcessGuard, shared?: SharedTranscripts): Engine;
  /** The session's possible totals after a lost turn that had used `delivered`. */
  totalsAfterLoss(before: SessionTotals | undefined, delivered: TurnUsage): SessionTotals;
  /** The usage of a lost turn, from what was `recorded` while it ran and what the CLI itself recorded. */
  usageAfterLoss(recorded: TurnUsage, written: WrittenUsage): TurnUsage;
  /** Ends the processes that a killed gateway of this installation left running. */
  endLeftovers(installation: string): Promise<void>;
}

/** Ends the gateway's child processes if the gateway is killed. */
export interface ProcessGuard {
  /** A process was started, as the leader of a process group. */
  began(child: Pick<ChildNote, "pid" | "startTime">): void;
  /** That process has ended. */
  ended(child: Pick<ChildNote, "pid">): void;
  /** In a cluster: ends all child processes unless it is called again within this time. */
  mayWork?(leftMs: number): void;
  /**
   * In a cluster: stops what it does about the time that is over, once the gateway has ended all child processes itself. What
   * begins from now on is of a new term.
   */
  renew?(): void;
  /** Ends the guard, once the gateway has ended its children itself. Resolves when the guard has ended. */
  close(): Promise<void>;
}
