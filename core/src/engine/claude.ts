import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import type { Logger } from "pino";
import type { SpawnPlan } from "../engine/engine.js";
import { Accounts, type TurnAccount } from "./accounts.js";
import { Asking } from "./asking.js";
import { CONVERSATION_LOST, describe, lastLine, NEVER_STARTED, untilReported } from "./endings.js";
import type { Engine, EngineListener, EngineResult, EngineTurn, ModelName } from "./engine.js";
import { Grants } from "./grants.js";
import { Launcher, type LauncherOptions } from "./launcher.js";
import { cliSessionOf, termsOf, userMessage } from "./options.js";
import { type PoolLimits, ProcessPool } from "./pool.js";
import type { ClaudeProcess } from "./process.js";
import { TurnReading, type TurnReport } from "./reading.js";
import { type Recipe, Spares } from "./spares.js";
import { Transcript } from "./transcript.js";
import { estimatedUsage, NO_TOTALS, reportedUsage } from "./usage.js";

export interface ClaudeEngineOptions extends PoolLimits, LauncherOptions {
  /** How many processes are started ahead for one-shot tasks. */
  readonly spares: number;
  readonly log: Logger;
}

const MODELS_TIMEOUT_MS = 20_000;
/** A resumed CLI that has not asked about the call that it kept after this long does not have it, in ms. */
const KEPT_CALL_MS = 60_000;
/** The same where it may well have settled the call before it ended: a caller waits for this. Late, it is denied too. */
const MAYBE_KEPT_CALL_MS = 8_000;

/** One try at a turn, in one process. */
interface Attempt {
  readonly turn: EngineTurn;
  /** What its process was started with; undefined where that can't be shared with another turn. */
  readonly recipe: Recipe | undefined;
  readonly child: ClaudeProcess;
  readonly reading: TurnReading;
  readonly grants: Grants;
  readonly asking: Asking | undefined;
  readonly listener: EngineListener;
  /** A call that the CLI kept from a turn that is over comes first, with a result of its own. */
  awaitsOwed: boolean;
}

/** Runs turns on the real CLI. A session's process lives on between turns; a task's is used once. */
export class ClaudeEngine implements Engine {
  readonly #pool: ProcessPool;
  readonly #spares: Spares;
  readonly #accounts = new Accounts();
  readonly #launcher: Launcher;
  #running = 0;

  constructor(private readonly options: ClaudeEngineOptions) {
    this.#launcher = new Launcher(options);
    this.#pool = new ProcessPool(options, options.log);
    // A core is to spare: also beside a client that sends one task after another.
    const isQuiet = () => this.#running < availableParallelism();
    this.#spares = new Spares(this.#pool, options.spares, isQuiet, options.log);
  }

  async run(turn: EngineTurn, listener: EngineListener, stop: AbortSignal): Promise<EngineResult> {
    this.#running++;
    try {
      return await this.#run(turn, listener, stop);
    } catch (error) {
      // It was stopped while it waited for room.
      if (stop.aborted && error === stop.reason) return NEVER_STARTED;
      throw error;
    } finally {
      this.#running--;
    }
  }

  async #run(turn: EngineTurn, listener: EngineListener, stop: AbortSignal): Promise<EngineResult> {
    if (stop.aborted) return NEVER_STARTED;
    const first = await this.#attempt(turn, turn.resume, listener, stop);
    if (first !== "no conversation") return first;
    if (turn.continues !== undefined) return CONVERSATION_LOST;
    if (stop.aborted) return NEVER_STARTED;
    // The session's first turn died before its transcript was written: begin again under the same id.
    const second = await this.#attempt(turn, false, listener, stop);
    if (second !== "no conversation") return second;
    throw new Error(`the CLI neither resumes nor begins session ${turn.info.sessionId}`);
  }

  async models(spawn: SpawnPlan): Promise<readonly ModelName[]> {
    const child = await this.#pool.start(() => this.#launcher.startIdle(spawn));
    try {
      return (await child.models(MODELS_TIMEOUT_MS)).map(({ value, displayName }) => ({
        id: value,
        name: displayName,
      }));
    } finally {
      await child.end("now");
    }
  }

  get processes(): number {
    return this.#pool.count;
  }

  taskId(): string {
    return this.#spares.reserve() ?? randomUUID();
  }

  abandon(taskId: string): void {
    if (!this.#pool.keeps(taskId)) return;
    this.#ends(this.#pool.release(taskId));
    this.#spares.makeSoon();
  }

  release(sessionId: string): Promise<void> {
    return this.#pool.release(sessionId);
  }

  async retire(): Promise<void> {
    this.#spares.forget();
    await this.#pool.releaseAll();
  }

  async close(): Promise<void> {
    this.#spares.close();
    await this.#pool.close();
  }

  async #attempt(
    turn: EngineTurn,
    resume: boolean,
    listener: EngineListener,
    stop: AbortSignal,
  ): Promise<EngineResult | "no conversation"> {
    const grants = new Grants(turn.granted);
    const recipe = this.#launcher.recipeOf(turn);
    const child = await this.#take(turn, recipe, () => this.#start(turn, resume), stop);
    const asking = this.#asking(turn, grants, child);
    const awaitsOwed = turn.owed.length > 0 && resume;
    const reading = new TurnReading(listener);
    const attempt: Attempt = { turn, recipe, child, reading, grants, asking, listener, awaitsOwed };
    if (awaitsOwed)
      for (const { toolUseId, certain } of turn.owed)
        asking?.ifNotAsked(toolUseId, certain ? KEPT_CALL_MS : MAYBE_KEPT_CALL_MS, () => {
          if (attempt.awaitsOwed) this.#begin(attempt);
        });
    else this.#begin(attempt);
    const reported = this.#read(attempt);
    const note = await child.note();
    if (note !== undefined) listener.process(note);

    const report = await untilReported(child, reported, stop);
    if (report === undefined) return this.#endWithoutReport(attempt, stop.aborted);
    if (report.noConversation && resume) {
      await this.#pool.end(turn.info.sessionId, child, "now");
      return "no conversation";
    }
    return this.#endWithReport(attempt, report, stop.aborted);
  }

  #asking(turn: EngineTurn, grants: Grants, child: ClaudeProcess): Asking | undefined {
    const hook = this.#launcher.hookOf(child);
    if (hook === undefined) return undefined;
    const { decider, needsPermission, owed } = turn;
    const ids = owed.map(({ toolUseId }) => toolUseId);
    const interrupt = () => child.interrupt();
    const asking = new Asking({ decider, needsPermission, owed: ids, grants, interrupt });
    hook.serve(asking);
    return asking;
  }

  /** Sends the prompt; of a turn that was parked the CLI has it, and asks about the call that it kept. */
  #begin(attempt: Attempt): void {
    const { turn, child, asking } = attempt;
    if (attempt.awaitsOwed) attempt.listener.settledOwed();
    attempt.awaitsOwed = false;
    if (turn.continues === undefined) child.send(userMessage(turn.plan, turn.posture));
    else asking?.ifNotAsked(turn.continues, KEPT_CALL_MS, () => void child.end("now"));
  }

  /** Reads the CLI's messages up to the turn's result; undefined where the process ends without one. */
  async #read(attempt: Attempt): Promise<TurnReport | undefined> {
    const { child, reading, turn, asking } = attempt;
    try {
      for (let message = await child.next(); message !== undefined; message = await child.next()) {
        asking?.take(message);
        if (message.type !== "result") reading.take(message);
        else if (!attempt.awaitsOwed) return reading.finish(message);
        else this.#begin(attempt);
      }
    } catch (error) {
      const stderr = child.complaints;
      this.options.log.warn({ err: error, turn_id: turn.info.id, stderr }, "the CLI ended without a result");
    }
    return undefined;
  }

  /** The answer goes at once; the process waits for the session's next turn, or saves its totals and leaves. */
  #endWithReport(attempt: Attempt, report: TurnReport, stopped: boolean): EngineResult {
    const { turn, recipe, child, reading, grants } = attempt;
    const { sessionId, kind } = turn.info;
    // `/clear` makes another session of it, with totals of its own; the CLI goes on with that one.
    const conversation = report.ok ? report.sessionId : cliSessionOf(turn);
    const cleared = conversation === cliSessionOf(turn) ? undefined : conversation;
    const { used, unreported } = this.#accounts.settle(child, report.totals, accountOf(attempt), cleared);
    attempt.asking?.close();
    this.#launcher.hookOf(child)?.serve(undefined);
    const keeps = recipe !== undefined && kind === "session" && !stopped && report.deferred === undefined;
    const transcript = new Transcript(conversation, turn.spawn);
    const after = keeps
      ? this.#pool.keep(sessionId, recipe.fingerprint, child, transcript.mark())
      : this.#pool.end(sessionId, child, "clean");
    this.#ends(after);
    if (recipe !== undefined && kind === "task") this.#spares.asked(recipe);
    return {
      // What was completed before the stop got through is completed.
      end:
        report.deferred !== undefined ? "parked" : report.ok ? "completed" : stopped ? "stopped" : "failed",
      deferred: report.deferred,
      text: report.text,
      error: report.error,
      usage: reportedUsage(used, reading.cut),
      unreported: estimatedUsage(unreported),
      denials: report.denials,
      ran: grants.ran,
      exitCode: 0,
      model: reading.model,
    };
  }

  async #endWithoutReport(attempt: Attempt, stopped: boolean): Promise<EngineResult> {
    const { turn, child, reading, grants, asking } = attempt;
    asking?.close();
    await this.#pool.end(turn.info.sessionId, child, "now");
    const exit = await child.exited;
    this.#accounts.lose(child, accountOf(attempt));
    return {
      end: stopped ? "stopped" : "failed",
      deferred: undefined,
      text: reading.text,
      error: `the CLI ended without a result (${describe(exit)})${child.complaints && `: ${lastLine(child.complaints)}`}`,
      usage: estimatedUsage(reading.delivered.totals()),
      denials: [],
      ran: grants.ran,
      exitCode: exit.code,
      model: reading.model,
    };
  }

  /** The session's own live process, or one that was started ahead, or a new one. */
  async #take(
    turn: EngineTurn,
    recipe: Recipe | undefined,
    begin: () => ClaudeProcess,
    stop: AbortSignal,
  ): Promise<ClaudeProcess> {
    const { sessionId } = turn.info;
    // About a call that was kept only a CLI asks that is resumed.
    const shared = turn.continues === undefined ? recipe : undefined;
    if (shared === undefined) await this.#pool.release(sessionId);
    const kept = shared && (await this.#pool.take(sessionId, shared.fingerprint));
    return kept ?? this.#pool.start(begin, stop);
  }

  /** A process of the turn's own; of a session that is resumed, the totals that it goes on from are noted. */
  #start(turn: EngineTurn, resume: boolean): ClaudeProcess {
    const saved = resume ? new Transcript(cliSessionOf(turn), turn.spawn).savedTotals() : NO_TOTALS;
    const child = this.#launcher.start(termsOf(turn), resume);
    this.#accounts.open(child, saved);
    return child;
  }

  /** In the background: nobody waits for it. */
  #ends(end: Promise<void>): void {
    end.catch((error: unknown) => this.options.log.error({ err: error }, "a process did not end"));
  }
}

function accountOf({ turn, reading, listener }: Attempt): TurnAccount {
  return {
    before: turn.totals,
    delivered: reading.delivered,
    tell: (totals) => listener.totals(totals),
  };
}
