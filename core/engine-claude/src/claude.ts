import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { unlessAborted } from "@claudeway/core/host";
import type {
  BackgroundTask,
  CommandName,
  Engine,
  EngineListener,
  EngineResult,
  EngineTurn,
  ModelName,
  SessionListener,
  SharedTranscripts,
  SpawnPlan,
  TaskLoss,
} from "@claudeway/ports";
import type { Logger } from "pino";
import { Accounts } from "./accounts.js";
import { Attempt } from "./attempt.js";
import { hasResults } from "./call-results.js";
import { loadMcp } from "./client-tools.js";
import { TranscriptConversations } from "./conversations.js";
import {
  CONVERSATION_INCOMPLETE,
  CONVERSATION_LOST,
  describe,
  lastLine,
  NEVER_STARTED,
  untilReported,
} from "./endings.js";
import { Launcher, type LauncherOptions } from "./launcher.js";
import { describeLogin, LOGIN_TIMEOUT_MS, loginIn, withoutProbes } from "./login.js";
import { cliSessionOf } from "./options.js";
import { type PoolLimits, ProcessPool } from "./pool.js";
import type { ClaudeProcess } from "./process.js";
import { type PromptMessage, promptMessage, verbatimMessage } from "./prompt-message.js";
import type { TurnReport } from "./reading.js";
import { loadSdk } from "./sdk.js";
import type { SessionProcess } from "./session-process.js";
import { SessionProcesses } from "./session-processes.js";
import { SharedConversations } from "./shared-conversations.js";
import { PrewarmedProcesses } from "./spares.js";
import { Transcript } from "./transcript.js";
import { type NotTaken, TurnProcesses } from "./turn-processes.js";
import { estimatedUsage, reportedUsage } from "./usage.js";
import { noteWrittenOfTurn } from "./written-usage.js";

export interface ClaudeEngineOptions extends PoolLimits, Omit<LauncherOptions, "shared"> {
  /** Set where other nodes go on with the conversations. */
  readonly shared?: SharedTranscripts | undefined;
  /** How many processes are started ahead for one-shot tasks. */
  readonly spares: number;
  readonly log: Logger;
}

const MODELS_TIMEOUT_MS = 20_000;

/** Runs turns on the real CLI. A session's process lives on between turns; a task's is used once. */
export class ClaudeEngine implements Engine {
  readonly conversations: TranscriptConversations;
  readonly #pool: ProcessPool;
  readonly #spares: PrewarmedProcesses;
  readonly #launcher: Launcher;
  readonly #sessionProcesses: SessionProcesses;
  readonly #turnProcesses: TurnProcesses;
  readonly #shared: SharedConversations | undefined;
  #running = 0;

  constructor(private readonly options: ClaudeEngineOptions) {
    const { shared, log, installation } = options;
    this.#shared = shared && new SharedConversations(shared, log);
    this.conversations = new TranscriptConversations(log, installation, this.#shared);
    this.#launcher = new Launcher({ ...options, shared: this.#shared });
    this.#pool = new ProcessPool(options, log);
    const parts = { pool: this.#pool, launcher: this.#launcher, accounts: new Accounts(), log };
    this.#sessionProcesses = new SessionProcesses(parts);
    this.#turnProcesses = new TurnProcesses({
      ...parts,
      sessions: this.#sessionProcesses,
      shared: this.#shared,
    });
    // A core is to spare: also beside a client that sends one task after another.
    const isQuiet = () => this.#running < availableParallelism();
    this.#spares = new PrewarmedProcesses(this.#pool, options.spares, isQuiet, log);
  }

  async run(turn: EngineTurn, listener: EngineListener, stop: AbortSignal): Promise<EngineResult> {
    this.#running++;
    try {
      return await this.#run(turn, listener, stop);
    } catch (error) {
      // The turn was stopped while it waited for a free process.
      if (stop.aborted && error === stop.reason) return NEVER_STARTED;
      throw error;
    } finally {
      this.#running--;
    }
  }

  async #run(turn: EngineTurn, listener: EngineListener, stop: AbortSignal): Promise<EngineResult> {
    if (stop.aborted) return NEVER_STARTED;
    await loadSdk();
    if (turn.plan.options?.clientTools !== undefined) await loadMcp();
    const first = await this.#attempt(turn, turn.resume, listener, stop);
    if (first === "incomplete") return CONVERSATION_INCOMPLETE;
    if (first !== "no conversation") return first;
    const isLoss = turn.totals?.answered === true && !turn.restart;
    const goesOn = turn.parkedCall !== undefined || turn.promptSent === true || hasResults(turn);
    if (goesOn || isLoss) return CONVERSATION_LOST;
    if (stop.aborted) return NEVER_STARTED;
    // Also where the session's first turn died before its transcript was written: begin again under the same id.
    const second = await this.#attempt(turn, false, listener, stop);
    if (typeof second !== "string") return second;
    throw new Error(`the CLI neither resumes nor begins session ${turn.info.sessionId}`);
  }

  async models(spawn: SpawnPlan): Promise<readonly ModelName[]> {
    const models = await this.#ask(spawn, (child) => child.models(MODELS_TIMEOUT_MS));
    return models.map(({ value, displayName }) => ({ id: value, name: displayName }));
  }

  async commands(spawn: SpawnPlan): Promise<readonly CommandName[]> {
    const commands = await this.#ask(spawn, (child) => child.commands(MODELS_TIMEOUT_MS));
    return commands.map(({ name, description, argumentHint }) => ({ name, description, argumentHint }));
  }

  async login(spawn: SpawnPlan): Promise<string | undefined> {
    const given = loginIn(spawn.env);
    if (given !== undefined) return given;
    const quiet = { ...spawn, env: withoutProbes(spawn.env) };
    return describeLogin(await this.#ask(quiet, (child) => child.account(LOGIN_TIMEOUT_MS)));
  }

  /** Asks a process that is started for this question alone. */
  async #ask<Answer>(spawn: SpawnPlan, question: (child: ClaudeProcess) => Promise<Answer>): Promise<Answer> {
    await loadSdk();
    const child = await this.#pool.start(() => this.#launcher.startIdle(spawn));
    try {
      return await question(child);
    } finally {
      await child.end("now");
    }
  }

  listen(listener: SessionListener): void {
    this.#sessionProcesses.listen(listener);
  }

  background(sessionId: string): readonly BackgroundTask[] {
    return this.#sessionProcesses.background(sessionId);
  }

  get processes(): number {
    return this.#pool.count;
  }

  taskId(): string {
    return this.#spares.reserve() ?? randomUUID();
  }

  abandon(taskId: string): void {
    if (!this.#pool.keeps(taskId)) return;
    this.#ends(this.#pool.release(taskId, "room"));
    this.#spares.makeSoon();
  }

  keeps(sessionId: string): boolean {
    return this.#pool.keeps(sessionId);
  }

  release(sessionId: string): Promise<void> {
    return this.#pool.release(sessionId, "interrupted");
  }

  async saved(sessionId: string): Promise<boolean> {
    return (await this.#shared?.saved(sessionId)) ?? true;
  }

  async retire(why: TaskLoss = "replaced"): Promise<void> {
    this.#spares.forget();
    await this.#pool.releaseAll(why);
  }

  async close(): Promise<void> {
    this.#spares.close();
    await this.#pool.close();
  }

  async #attempt(
    asked: EngineTurn,
    resume: boolean,
    listener: EngineListener,
    stop: AbortSignal,
  ): Promise<EngineResult | NotTaken> {
    const launchSpec = this.#launcher.launchSpecOf(asked);
    const began = performance.now();
    const taken = await this.#turnProcesses.take(asked, launchSpec, resume, stop);
    if (typeof taken === "string") return taken;
    const { child, process, turn, placed } = taken;
    const session = this.#sessionProcesses.of(child, turn);
    const hook = this.#launcher.hookOf(child);
    this.#launcher.modelsOf(child)?.serve((model) => listener.model(model));
    const message = await this.#messageOf(turn, child, stop);
    const attempt = new Attempt({
      turn,
      message,
      placed,
      launchSpec,
      child,
      hook,
      resume,
      listener,
      start: { began, process },
      log: this.options.log,
    });
    const reported = attempt.begin();
    const note = await child.note();
    if (note !== undefined) listener.process(note);

    const report = await untilReported(child, reported, stop);
    attempt.close();
    if (report === undefined) return this.#endWithoutReport(attempt, session, stop.aborted);
    if (report.noConversation && resume) {
      await this.#pool.end(turn.info.sessionId, child, "now", "died");
      return "no conversation";
    }
    const result = this.#endWithReport(attempt, session, report, stop);
    if (this.#shared !== undefined && turn.info.kind === "task" && mayGoOn(result)) {
      await this.#pool.release(turn.info.sessionId, "task");
      await this.#shared.saveTask(turn.info.sessionId, cliSessionOf(turn), turn.spawn);
    }
    return result;
  }

  /** The turn's prompt. One that is stopped meanwhile is sent as it is, and interrupted at once. */
  async #messageOf(turn: EngineTurn, child: ClaudeProcess, stop: AbortSignal): Promise<PromptMessage> {
    const message = promptMessage(turn, child);
    const checked = message.then(() => undefined);
    checked.catch(() => undefined);
    await unlessAborted(checked, stop).catch((error: unknown) => {
      if (!stop.aborted) throw error;
    });
    return stop.aborted ? verbatimMessage(turn) : message;
  }

  /** The answer goes at once; the process waits for the session's next turn, or saves its totals and leaves. */
  #endWithReport(
    attempt: Attempt,
    session: SessionProcess,
    report: TurnReport,
    { aborted: stopped, reason }: AbortSignal,
  ): EngineResult {
    const { reading, grants } = attempt;
    const { turn, child, launchSpec } = attempt.parts;
    const { sessionId, kind, keyId } = turn.info;
    // `/clear` makes the CLI continue with a new session, which has its own totals.
    const conversation = report.ok ? report.sessionId : cliSessionOf(turn);
    const cleared = conversation === cliSessionOf(turn) ? undefined : conversation;
    const { used, unreported, split } = session.settle(report.totals, attempt.account(), cleared);
    const usage = reportedUsage(used, reading.cut);
    const { tasks } = child.reader;
    // Who has had enough for now goes on later; whoever stops a turn otherwise wants all that it started to end.
    const stays = !stopped || reason === "budget";
    const calls = report.deferred === undefined ? [] : (attempt.asking?.handedOver.calls ?? []);
    const isParked = report.deferred !== undefined && calls.length === 0;
    const keeps = launchSpec !== undefined && kind === "session" && stays && !isParked;
    const after = keeps
      ? this.#pool.keep({
          sessionId,
          keyId,
          fingerprint: launchSpec.fingerprint,
          child,
          isCurrent: session.transcriptOf(conversation).mark(),
        })
      : this.#pool.end(
          sessionId,
          child,
          "clean",
          kind === "task" ? "task" : stopped ? "interrupted" : "replaced",
        );
    this.#ends(after);
    if (launchSpec !== undefined && kind === "task") this.#spares.asked(launchSpec);
    return {
      // What was completed before the stop got through is completed.
      end: isParked ? "parked" : report.ok ? "completed" : stopped ? "stopped" : "failed",
      deferred: isParked ? report.deferred : undefined,
      ...(calls.length > 0 && { calls }),
      text: calls.length > 0 ? reading.text : report.text,
      error: report.error,
      ...(report.failure !== undefined && { failure: report.failure }),
      structuredOutput: report.structuredOutput,
      usage: split ? { ...usage, estimated: true } : usage,
      unreported: estimatedUsage(unreported),
      denials: report.denials.map((denial) => attempt.asking?.withFolder(denial) ?? denial),
      ran: grants.ran(report.denials),
      agents: keeps ? tasks.agents : [],
      ...(kind === "task" && { lost: child.lostTasks }),
      exitCode: 0,
      model: reading.model,
      stopReason: calls.length > 0 ? "tool_use" : report.stopReason,
      ...attempt.figures(),
    };
  }

  async #endWithoutReport(
    attempt: Attempt,
    session: SessionProcess,
    stopped: boolean,
  ): Promise<EngineResult> {
    const { reading, grants } = attempt;
    const { turn, child } = attempt.parts;
    await this.#pool.end(turn.info.sessionId, child, "now", stopped ? "interrupted" : "died");
    const exit = await child.exited;
    await noteWrittenOfTurn(new Transcript(cliSessionOf(turn), turn.spawn), reading.delivered, attempt.began);
    session.lose(attempt.account());
    return {
      end: stopped ? "stopped" : "failed",
      deferred: undefined,
      text: reading.text,
      error: `the CLI ended without a result (${describe(exit)})${child.complaints && `: ${lastLine(child.complaints)}`}`,
      ...(reading.retried !== undefined && { failure: reading.retried }),
      usage: estimatedUsage(reading.delivered.totals()),
      denials: [],
      ran: grants.ran([]),
      exitCode: exit.code,
      model: reading.model,
      ...attempt.figures(),
    };
  }

  /** Runs in the background; a failure is logged. */
  #ends(end: Promise<void>): void {
    end.catch((error: unknown) => this.options.log.error({ err: error }, "a process did not end"));
  }
}

/** Whether a turn waits, for a decision or the end of a usage limit. */
function mayGoOn({ end, failure }: EngineResult): boolean {
  return end === "parked" || failure?.code === "USAGE_LIMIT";
}
