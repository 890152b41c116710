import type { FailureCode, PermissionDenial } from "@claudeway/schemas";
import type { TurnInfo, TurnPlan, TurnUsage } from "./turns.js";

/** What `claude` starts with. Two turns share a live process only when these are equal. */
export interface SpawnPlan {
  /** The program; by default the CLI itself. */
  readonly command: string;
  /** Arguments that go before the CLI's own: with `command: "sudo"`, say `["-u", "claude", "/usr/bin/claude"]`. */
  readonly args: readonly string[];
  /** The whole environment of the child. The gateway's secrets are not in it. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Further options of the CLI's session. */
  readonly options: SpawnOptions;
  /** The id of the user that `command` makes the CLI run as; not given: the gateway's own. */
  readonly uid?: number | undefined;
}

export interface SpawnOptions {
  readonly allowedTools?: readonly string[];
  readonly disallowedTools?: readonly string[];
  readonly additionalDirectories?: readonly string[];
  readonly maxTurns?: number;
  readonly fallbackModel?: string;
}

/** Why a running turn is ended from outside. */
export type StopReason = "timeout" | "interrupted" | "disconnected" | "deleted" | "shutdown";

/** One tool call that a person let through: the same tool with the same input in the same folder, once. */
export interface GrantedCall {
  readonly toolUseId: string;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** Where the CLI's shell has to stand, if that is not the turn's working directory. */
  readonly cwd?: string | undefined;
}

/** A call that the CLI is about to make, and asks about. */
export interface AskedCall extends GrantedCall {
  /** Where the CLI's shell stands. */
  readonly cwd: string;
  /** Set where a subagent makes the call. */
  readonly agentId: string | undefined;
  /** The call can't be kept over the end of its process: it waits for as long as it is held. */
  readonly held?: boolean;
  /** Aborted when the CLI does not wait for an answer any more. */
  readonly signal: AbortSignal;
  /**
   * Resolves when every other call of its message is settled: true if this is the last one of them, which the CLI can
   * keep over the end of its process. At once with false if it is not.
   */
  untilLast(): Promise<boolean>;
}

/** `defer` ends the turn; the CLI keeps the call, and asks again when the session is resumed. */
export type CallAnswer =
  | { readonly answer: "allow"; readonly input?: Readonly<Record<string, unknown>> }
  | { readonly answer: "deny"; readonly message: string }
  | { readonly answer: "defer" };

/** A call that the CLI's own rules are about to decide on. */
export type UnaskedCall = Pick<AskedCall, "tool" | "input" | "cwd">;

/** Decides on every tool call of a turn. Never rejects. */
export interface CallDecider {
  decide(call: AskedCall): Promise<CallAnswer>;
}

/** Every tool call runs; calls that need permission are denied and listed; or every call is put to a `CallDecider`. */
export type ApprovalMode = "bypass" | "deny" | "ask";

/** A call that the CLI kept, and that is not to run any more. */
export interface UnresolvedCall {
  readonly toolUseId: string;
  /** False: its process was told what became of it, and may have heard that before it ended. */
  readonly certain: boolean;
}

/** What the engine is given to run. */
export interface EngineTurn {
  readonly approvalMode: ApprovalMode;
  /** Given in the approval mode "ask". */
  readonly decider: CallDecider | undefined;
  /** In the approval mode "deny": whether a call needs permission, although the CLI may let it run unasked. Never rejects. */
  readonly needsPermission?: (call: UnaskedCall) => Promise<boolean>;
  /** The call that this turn was parked for: the session is resumed without a prompt, and the CLI asks about it again. */
  readonly continues: string | undefined;
  /** Calls that the CLI has kept from parked turns that ended otherwise: they must not run. */
  readonly unresolved: readonly UnresolvedCall[];
  readonly info: TurnInfo;
  readonly plan: TurnPlan;
  readonly spawn: SpawnPlan;
  /** True where an earlier turn of this session may have left a conversation to resume. */
  readonly resume: boolean;
  /** True: where that conversation is lost, a new one begins under the same id. */
  readonly restart: boolean;
  /** What the totals of the session's next process may start from; undefined for a new conversation. */
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
  /** USD; null where the tokens were seen, but nobody told their price. */
  readonly costUsd: number | null;
}

export type TotalsByModel = Readonly<Record<string, ModelTotals>>;

/** The cumulative totals of a session's CLI, kept between its processes. */
export interface SessionTotals {
  /** True: the CLI has come to the end of a turn in this conversation, so that losing it loses something. */
  readonly answered?: boolean;
  /** True: the CLI is in plan mode, where nothing is changed; a process that resumes has to be told. */
  readonly planMode?: boolean;
  /** The CLI's own id of the session; only there where it is another one than ours: after `/clear`. */
  readonly session?: string;
  /**
   * What the totals of its next process may start from, the likeliest first; which it was, that process's first report
   * tells. (It starts from what the last process saved when it ended; see bases.ts.)
   */
  readonly bases: readonly TotalsByModel[];
}

/** Something that the CLI runs on between turns: a shell command, a subagent. */
export interface BackgroundTask {
  /** The CLI's own id of it. */
  readonly id: string;
  /** `shell`, `subagent`, `workflow`, `mcp`, or what else the CLI calls it. */
  readonly kind: string;
  readonly description: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

/** Why background work was ended before its end. */
export type TaskLoss =
  /** It ran for longer than `[engine] background_secs`, or more of it than is allowed at once. */
  | "limit"
  /** Its process waited for the session's next turn for too long. */
  | "idle"
  | "memory"
  /** Its process made room for another one's. */
  | "room"
  /** The session's next turn needed another process: another model, say. */
  | "replaced"
  /** The turn was ended, and all that it had started. */
  | "interrupted"
  /** A one-shot task's process ends with its answer. */
  | "task"
  | "shutdown"
  /** The gateway was killed. */
  | "restart"
  /** The CLI ended by itself, or was killed. */
  | "died";

/** Background work that was ended before its end. */
export interface LostTask extends BackgroundTask {
  readonly reason: TaskLoss;
}

/**
 * A turn that the CLI has begun by itself, since something that it ran in the background has ended, or was lost. It runs
 * already.
 */
export interface OwnTurn {
  /** The latest turn of its process. */
  readonly after: Pick<EngineTurn, "info" | "plan" | "approvalMode">;
  /** Hears the turn from its beginning to its end; to be called once. Aborting the signal ends the turn. */
  run(terms: OwnTurnTerms, listener: EngineListener, stop: AbortSignal): Promise<EngineResult>;
}

/** Who decides on the tool calls of a turn that the CLI has begun by itself. */
export type OwnTurnTerms = Pick<EngineTurn, "decider" | "needsPermission">;

/** Hears what happens in sessions beside the turns that are run. */
export interface SessionListener {
  /** The CLI has begun a turn by itself. */
  began(turn: OwnTurn): void;
  /** What runs in the background of a session from now on. */
  tasks(sessionId: string, running: readonly BackgroundTask[]): void;
  /** Background work was ended. */
  lost(sessionId: string, tasks: readonly LostTask[]): void;
}

/** What a running turn tells as it goes. */
export interface EngineListener {
  /** New text of the answer. */
  text(delta: string): void;
  /** What was delivered so far; called on every message that carries usage. */
  usage(usage: TurnUsage): void;
  /** The process that runs the turn. */
  process(child: ChildNote): void;
  /** The calls in `owed` have been settled: the CLI will not ask about them any more. */
  settledUnresolved(): void;
  /** The session goes on with another model: its user has said `/model`. */
  model(model: string): void;
  /** What is known of the session's totals changed: with the result, and when the process has ended. */
  totals(totals: SessionTotals): void;
}

/** Enough to find a child again, and to be sure that it is ours. */
export interface ChildNote {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat; 0 where there is no /proc. */
  readonly startTime: number;
  /** The value of `CLAUDEWAY_PROCESS` in the child's environment. */
  readonly marker: string;
}

export interface EngineResult {
  /** `parked`: the CLI keeps the call that was deferred. */
  readonly end: "completed" | "failed" | "stopped" | "parked";
  /** The CLI's result text; of a turn without a result, the text so far. */
  readonly text: string;
  /** Where `end` is "parked": the call's `toolUseId`. */
  readonly deferred: string | undefined;
  /** The CLI's own message where `end` is "failed". */
  readonly error: string | null;
  /** What went wrong, where `end` is "failed" and it has a name. */
  readonly code?: FailureCode;
  readonly usage: TurnUsage;
  /** What was delivered beside that and is in no report of the CLI's; its price is to be learned. */
  readonly unreported?: TurnUsage;
  readonly denials: readonly PermissionDenial[];
  /** Which of the granted calls were let run, by `toolUseId`. */
  readonly ran: readonly string[];
  readonly exitCode: number | null;
  /** Subagents that go on in the background, by the CLI's own id. */
  readonly agents?: readonly string[];
  /** What was running in the background and was ended with the turn's process. */
  readonly lost?: readonly LostTask[];
  /** The model that answered, as far as it is known. */
  readonly model: string | undefined;
}

export interface ModelName {
  readonly id: string;
  readonly name: string;
}

/** What runs turns. It never rejects for what happens on the CLI's side: that is a result. */
export interface Engine {
  /** Aborting the signal (its reason is a StopReason) ends the turn, and all that it started, within 5 s. */
  run(turn: EngineTurn, listener: EngineListener, stop: AbortSignal): Promise<EngineResult>;
  /** Who hears what happens beside the turns that are run; to be called once, before the first. */
  listen(listener: SessionListener): void;
  /** What runs in the background of a session, the oldest first. */
  background(sessionId: string): readonly BackgroundTask[];
  /** The models that the CLI offers. Rejects where it can't tell. */
  models(spawn: SpawnPlan): Promise<readonly ModelName[]>;
  /** How many processes of the CLI there are. */
  readonly processes: number;
  /** The id for the next one-shot task: one that a process was started ahead for, if there is such a process. */
  taskId(): string;
  /** No process is going to be asked for under this id of a task: ends the one that was started ahead for it, if any. */
  abandon(taskId: string): void;
  /** The session is gone: ends the process that it keeps. */
  release(sessionId: string): Promise<void>;
  /** What processes start with has changed: ends those that are idle. */
  retire(why?: TaskLoss): Promise<void>;
  /** Ends every process. */
  close(): Promise<void>;
}

/** What a CLI wrote down of a part of its session. */
export interface WrittenUsage {
  readonly used: TotalsByModel;
  /** The session's totals after it, where the CLI saved them. */
  readonly totals?: SessionTotals;
}

/** An engine that was found to be there, and is not running yet. */
export interface EngineSource {
  /** The CLI that it runs. */
  readonly claude: {
    /** Absolute path. */
    readonly path: string;
    readonly origin: "bundled" | "configured";
    readonly version: string;
  };
  /**
   * What the CLI itself wrote down of a session since then, in the environment `env`: nobody may have heard it.
   * `session`: the CLI's own id of it. `before`: what is known of its totals as of then. Never rejects.
   */
  writtenSince?(
    session: string,
    env: NodeJS.ProcessEnv,
    since: Date,
    before: SessionTotals | undefined,
  ): Promise<WrittenUsage | undefined>;
  /** Watches over processes whose marker begins with `marker`: when the gateway is killed, they end. */
  guard?(marker: string): ProcessGuard;
  /** `marker` begins the marker of every process that the engine starts; `guard` is told of each. */
  open(marker: string, guard?: ProcessGuard): Engine;
  /** What the totals of a session may stand at after a turn that was lost: `delivered` is what it had used. */
  totalsAfterLoss(before: SessionTotals | undefined, delivered: TurnUsage): SessionTotals;
  /** What a turn that was lost has used: as `recorded` while it ran, and as the CLI itself wrote down. */
  usageAfterLoss(recorded: TurnUsage, written: WrittenUsage): TurnUsage;
  /** Ends what a gateway of this installation left running when it was killed. */
  endLeftovers(installation: string): Promise<void>;
}

/** Ends what the gateway leaves behind when it is killed. */
export interface ProcessGuard {
  /** A process was started, as the leader of a process group. */
  began(child: Pick<ChildNote, "pid" | "startTime">): void;
  /** That process has gone. */
  ended(child: Pick<ChildNote, "pid">): void;
  /** The gateway has ended its children itself: ends the guard, and resolves when it has gone. */
  close(): Promise<void>;
}
