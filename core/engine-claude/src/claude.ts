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
  ProcessStart,
  SessionListener,
  SharedTranscripts,
  SpawnPlan,
  TaskLoss,
} from "@claudeway/ports";
import type { Logger } from "pino";
import { Accounts } from "./accounts.js";
import { Attempt } from "./attempt.js";
import { hasResults, withResults } from "./call-results.js";
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
import { liveSettings } from "./live-settings.js";
import { describeLogin, LOGIN_TIMEOUT_MS, loginIn, withoutProbes } from "./login.js";
import { cliSessionOf, termsOf } from "./options.js";
import { type PlacedTurn, placePrompt } from "./placed-prompt.js";
import { type KeptProcess, type PoolLimits, ProcessPool } from "./pool.js";
import type { ClaudeProcess } from "./process.js";
import { type PromptMessage, promptMessage, verbatimMessage } from "./prompt-message.js";
import type { TurnReport } from "./reading.js";
import { loadSdk } from "./sdk.js";
import { SessionProcess } from "./session-process.js";
import { type Preparation, SharedConversations } from "./shared-conversations.js";
import { type LaunchSpec, PrewarmedProcesses } from "./spares.js";
import { Transcript } from "./transcript.js";
import { estimatedUsage, NO_TOTALS, reportedUsage } from "./usage.js";
import { noteWrittenOfTurn } from "./written-usage.js";

export interface ClaudeEngineOptions extends PoolLimits, Omit<LauncherOptions, "shared"> {
  /** Set where other nodes go on with the conversations. */
  readonly shared?: SharedTranscripts | undefined;
  /** How many processes are started ahead for one-shot tasks. */
  readonly spares: number;
  readonly log: Logger;
}

/** A process for a turn, and the turn as it runs there. */
interface TakenProcess {
  readonly child: ClaudeProcess;
  readonly process: ProcessStart;
  readonly turn: EngineTurn;
  /** The conversation that the process resumes ends with the turn's prompt. */
  readonly placed: boolean;
}

/** The conversation to resume does not exist, or its end is on another node. */
type NotTaken = "no conversation" | "incomplete";

const MODELS_TIMEOUT_MS = 20_000;

/** The listener until `listen` is called. */
const UNHEARD: SessionListener = {
  began: () => undefined,
  tasks: () => undefined,
  lost: () => undefined,
  wants: () => false,
  event: () => undefined,
};

/** Runs turns on the real CLI. A session's process lives on between turns; a task's is used once. */
export class ClaudeEngine implements Engine {
  readonly conversations: TranscriptConversations;
  readonly #pool: ProcessPool;
  readonly #spares: PrewarmedProcesses;
  readonly #accounts = new Accounts();
  readonly #launcher: Launcher;
  readonly #processes = new WeakMap<ClaudeProcess, SessionProcess>();
  #sessions: SessionListener = UNHEARD;
  readonly #background = new Map<string, readonly BackgroundTask[]>();
  readonly #shared: SharedConversations | undefined;
  #running = 0;

  constructor(private readonly options: ClaudeEngineOptions) {
    const { shared, log, installation } = options;
    this.#shared = shared && new SharedConversations(shared, log);
    this.conversations = new TranscriptConversations(log, installation, this.#shared);
    this.#launcher = new Launcher({ ...options, shared: this.#shared });
    this.#pool = new ProcessPool(options, options.log);
    // A core is to spare: also beside a client that sends one task after another.
    const isQuiet = () => this.#running < availableParallelism();
    this.#spares = new PrewarmedProcesses(this.#pool, options.spares, isQuiet, options.log);
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
    this.#sessions = listener;
  }

  background(sessionId: string): readonly BackgroundTask[] {
    return this.#background.get(sessionId) ?? [];
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
    const taken = await this.#take(asked, launchSpec, resume, stop);
    if (typeof taken === "string") return taken;
    const { child, process, turn, placed } = taken;
    const session = this.#sessionOf(child, turn);
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
      ran: grants.ran,
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
      ran: grants.ran,
      exitCode: exit.code,
      model: reading.model,
      ...attempt.figures(),
    };
  }

  /** The session's own live process, or one that was started ahead, or a new one. */
  async #take(
    turn: EngineTurn,
    launchSpec: LaunchSpec | undefined,
    resume: boolean,
    stop: AbortSignal,
  ): Promise<TakenProcess | NotTaken> {
    const { sessionId } = turn.info;
    const answered = this.#pool.keeps(sessionId) ? withResults(turn, turn.totals?.calls ?? []) : turn;
    // About a call that was kept only a CLI asks that is resumed.
    const shared = turn.parkedCall === undefined ? launchSpec : undefined;
    if (shared === undefined) await this.#pool.release(sessionId, "replaced");
    const kept = shared && (await this.#takeKept(turn, shared, stop));
    if (kept !== undefined) {
      const process = this.#processes.has(kept) ? "live" : "prewarmed";
      return { child: kept, process, turn: answered, placed: false };
    }
    if (resume && (await this.#prepare(turn)) === "lacking") return "incomplete";
    const prompt: PlacedTurn | "missing" = resume
      ? await placePrompt(turn, this.options.log)
      : { turn: withResults(turn, []), placed: false };
    if (prompt === "missing") return "no conversation";
    const child = await this.#pool.start(() => this.#start(turn, resume, prompt), stop);
    return { child, process: "cold", turn: prompt.turn, placed: prompt.placed };
  }

  /** Brings the conversation to this node if another node had it last. */
  async #prepare(turn: EngineTurn): Promise<Preparation> {
    const use = turn.restart ? "accept loss" : "go on";
    return (await this.#shared?.prepare(cliSessionOf(turn), turn.spawn, use, turn.info.sessionId)) ?? "whole";
  }

  /** The session's live process with the turn's settings; undefined if no process can have them. */
  async #takeKept(
    turn: EngineTurn,
    { fingerprint }: LaunchSpec,
    stop: AbortSignal,
  ): Promise<ClaudeProcess | undefined> {
    const { sessionId } = turn.info;
    const wanted = liveSettings(turn.plan.model, turn.plan.options ?? {});
    const settingsOf = (child: ClaudeProcess) => this.#launcher.settingsOf(child);
    const suits = (kept: KeptProcess) =>
      kept.fingerprint === fingerprint && settingsOf(kept.child)?.canBecome(wanted) === true;
    const child = await this.#pool.take(sessionId, suits, stop);
    if (child === undefined) return undefined;
    try {
      const change = settingsOf(child)?.become(wanted, turn, (make) => child.change(make));
      await unlessAborted(change ?? Promise.resolve(), stop);
      return child;
    } catch (error) {
      await this.#pool.end(sessionId, child, stop.aborted ? "now" : "clean", "replaced");
      if (stop.aborted) throw stop.reason;
      this.options.log.warn({ err: error }, "a process could not be given a turn's settings and is replaced");
      return undefined;
    }
  }

  /** Starts a process for the turn. For a resumed session, records the totals that it continues from. */
  #start(turn: EngineTurn, resume: boolean, { placed: promptPlaced, entry }: PlacedTurn): ClaudeProcess {
    const saved = resume ? new Transcript(cliSessionOf(turn), turn.spawn).savedTotals() : NO_TOTALS;
    const child = this.#launcher.start({ ...termsOf(turn), promptPlaced }, resume);
    this.#accounts.open(child, saved);
    if (entry !== undefined) child.mirror?.add(cliSessionOf(turn), entry);
    return child;
  }

  /** The process as the one of the turn's session. */
  #sessionOf(child: ClaudeProcess, turn: EngineTurn): SessionProcess {
    const known = this.#processes.get(child);
    if (known !== undefined) {
      known.serve(turn);
      return known;
    }
    const made = new SessionProcess(turn, {
      child,
      hook: this.#launcher.hookOf(child),
      accounts: this.#accounts,
      sessions: {
        began: (own) => this.#sessions.began(own),
        tasks: (sessionId, running) => {
          if (running.length > 0) this.#background.set(sessionId, running);
          else this.#background.delete(sessionId);
          this.#sessions.tasks(sessionId, running);
        },
        lost: (sessionId, tasks) => this.#sessions.lost(sessionId, tasks),
        wants: (kind, after) => this.#sessions.wants(kind, after),
        event: (event, after) => this.#sessions.event(event, after),
      },
      changed: () => this.#pool.touch(turn.info.sessionId),
      log: this.options.log,
    });
    child.reader.own(made);
    this.#processes.set(child, made);
    return made;
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
