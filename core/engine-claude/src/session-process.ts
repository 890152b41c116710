import type { SDKMessage, SDKResultMessage } from "@anthropic-ai/claude-agent-sdk";
import type {
  EngineEvent,
  EngineResult,
  EngineTurn,
  SessionListener,
  SessionTotals,
  TotalsByModel,
} from "@claudeway/ports";
import type { EventKind } from "@claudeway/schemas";
import type { Logger } from "pino";
import type { Accounts, SettledTurn, TurnAccount } from "./accounts.js";
import type { CallHook } from "./asking.js";
import { BackgroundAttempt } from "./background-turn.js";
import { withoutUncharged } from "./bases.js";
import { DeliveredUsage } from "./delivered-usage.js";
import { describe, lastLine } from "./endings.js";
import { EventReading } from "./event-reading.js";
import { LateListener } from "./late-listener.js";
import { cliSessionOf } from "./options.js";
import type { ClaudeProcess } from "./process.js";
import type { BackgroundHearer, ReaderOwner } from "./reader.js";
import { TurnReading, type TurnReport } from "./reading.js";
import { takeShare } from "./split.js";
import { isSubagent } from "./tasks.js";
import { add, covers, isEmpty, NO_TOTALS, subtract } from "./totals.js";
import { Transcript } from "./transcript.js";
import { estimatedUsage, reportedUsage } from "./usage.js";
import { noteWritten, noteWrittenOfTurn } from "./written-usage.js";

/** How many messages of subagents are recorded as not charged for; earlier ones are in the transcript, by their time. */
const MAX_UNREPORTED = 64;

export interface SessionProcessParts {
  readonly child: ClaudeProcess;
  readonly hook: CallHook | undefined;
  readonly accounts: Accounts;
  readonly sessions: SessionListener;
  /** Something goes on in the process beside a client's turn, or does not any more. */
  readonly changed: () => void;
  readonly log: Logger;
}

/**
 * A process in its role for one session: starts the turns that the CLI began by itself, and splits usage between turns
 * that shared one report.
 */
export class SessionProcess implements ReaderOwner {
  /** The latest turn. */
  #after: EngineTurn;
  /** Turns of the CLI's own that went on as the answer to a prompt: the report is of both. */
  readonly #folded: BackgroundAttempt[] = [];
  /** Usage of background subagents that no turn has been charged for yet. */
  #carried: TotalsByModel = NO_TOTALS;
  /** What they were delivered since the last report. */
  #agents = new TurnReading(new LateListener());
  #agentsRan = false;
  /** The turns that have begun and were not reported: of a prompt, and of the CLI's own, which may come before that. */
  readonly #unreported = { prompt: true, own: false };
  /** Reports what happens outside turns. */
  readonly #events: EventReading;
  #report: ((totals: SessionTotals) => void) | undefined;
  /** The session's totals as last reported. */
  #totals: SessionTotals | undefined;
  #transcript: Transcript | undefined;

  constructor(
    turn: EngineTurn,
    private readonly parts: SessionProcessParts,
  ) {
    this.#after = turn;
    const { child, sessions } = parts;
    const listener = {
      wants: (kind: EventKind) => sessions.wants(kind, this.#after.info),
      event: (event: EngineEvent) => sessions.event(event, this.#after.info),
    };
    this.#events = new EventReading(listener, child.reader.tasks);
    void parts.child.exited.then(() => this.#close());
  }

  /** The session's next turn runs in the process. */
  serve(turn: EngineTurn): void {
    this.#after = turn;
    this.#unreported.prompt = true;
  }

  /** What a turn used, by the totals that its process reported; see Accounts. */
  settle(
    totals: TotalsByModel,
    turn: TurnAccount,
    cleared: string | undefined,
  ): SettledTurn & { split: boolean } {
    const report = this.#reporting(turn.report);
    const account = { ...turn, before: this.#totals ?? turn.before, report };
    const settled = this.parts.accounts.settle(this.parts.child, totals, account, cleared);
    this.#unreported.prompt = false;
    const split = this.#folded.length > 0 || this.#isShared();
    if (!split) return { ...settled, split };
    const { share, rest } = takeShare(settled.used, reportedOf(turn.delivered, settled));
    const left = this.#settleFolded(rest);
    this.#carried = add(this.#carried, left);
    this.#beginInterval(left);
    return { used: share, unreported: settled.unreported, split };
  }

  /** The process has ended without a report of the turn. */
  lose(turn: TurnAccount): void {
    // A turn of the CLI's own may have come between what the turn knew when it began and its prompt.
    this.parts.accounts.lose(this.parts.child, { ...turn, before: this.#totals ?? turn.before });
  }

  begin(): BackgroundHearer {
    const { child, hook, sessions } = this.parts;
    const attempt = new BackgroundAttempt({
      after: this.#after,
      child,
      hook,
      over: (over, how) => this.#over(over, how),
    });
    this.#unreported.own = true;
    this.parts.changed();
    sessions.began(attempt);
    return attempt;
  }

  heard(message: SDKMessage): void {
    this.parts.hook?.hear(message);
  }

  agentSaid(message: SDKMessage): void {
    const { delivered } = this.#agents;
    const before = delivered.count;
    this.#agents.take(message);
    this.#events.take(message);
    // Until it is over, the CLI has not written it down.
    if (delivered.count > before) this.#reportUncharged();
  }

  saidBetween(message: SDKMessage): void {
    this.#events.take(message);
  }

  tasksChanged(): void {
    const { child, sessions } = this.parts;
    this.#agentsRan ||= child.reader.tasks.agents.length > 0;
    this.parts.changed();
    sessions.tasks(this.#after.info.sessionId, child.reader.tasks.running);
  }

  rested(): void {
    this.parts.changed();
  }

  lostResults(missed: number): void {
    const { sessionId: session_id } = this.#after.info;
    this.parts.log.error({ session_id, missed }, "the CLI's results skip numbers: an answer was lost");
  }

  stray({ user_message_uuids: prompts }: SDKResultMessage): void {
    const { sessionId: session_id } = this.#after.info;
    this.parts.log.warn({ session_id, prompts }, "the CLI answered a prompt that no turn waits for");
  }

  #over(attempt: BackgroundAttempt, how: TurnReport | "died" | "folded"): void {
    if (how === "died") void this.#die(attempt);
    else {
      this.#unreported.own = false;
      if (how === "folded") this.#folded.push(attempt);
      else attempt.settle(this.#resultOf(attempt, how));
    }
  }

  #resultOf(attempt: BackgroundAttempt, report: TurnReport): EngineResult {
    const { reading } = attempt;
    const account = this.#accountOf(attempt);
    const { used, unreported } = report.isEmpty
      ? { used: NO_TOTALS, unreported: NO_TOTALS }
      : this.parts.accounts.settle(this.parts.child, report.totals, account, undefined);
    const carried = report.isEmpty ? NO_TOTALS : this.#takeCarried();
    if (!report.isEmpty) {
      const { rest } = takeShare(used, reportedOf(reading.delivered, { unreported }));
      this.#beginInterval(rest);
    }
    return {
      end: report.ok ? "completed" : attempt.stopped ? "stopped" : "failed",
      deferred: undefined,
      text: report.text || attempt.summary,
      error: report.error,
      ...(report.failure !== undefined && { failure: report.failure }),
      // What is carried was split from a report by weights.
      usage: reportedUsage(add(used, carried), reading.cut || !isEmpty(carried)),
      unreported: estimatedUsage(unreported),
      denials: report.denials.map((denial) => attempt.withFolder(denial)),
      ran: [],
      exitCode: 0,
      model: reading.model,
    };
  }

  /** The process ended in the middle of the turn. */
  async #die(attempt: BackgroundAttempt): Promise<void> {
    const { child, accounts } = this.parts;
    const { reading } = attempt;
    // Whatever it had started in tool calls goes with it.
    await child.end("now");
    const exit = await child.exited;
    await noteWrittenOfTurn(this.#ownTranscript(), reading.delivered, attempt.began);
    accounts.lose(child, this.#accountOf(attempt));
    attempt.settle({
      end: attempt.stopped ? "stopped" : "failed",
      deferred: undefined,
      text: reading.text || attempt.summary,
      error: `the CLI ended without a result (${describe(exit)})${child.complaints && `: ${lastLine(child.complaints)}`}`,
      usage: estimatedUsage(add(this.#takeCarried(), reading.delivered.totals())),
      denials: [],
      ran: [],
      exitCode: exit.code,
      model: reading.model,
    });
  }

  #settleFolded(used: TotalsByModel): TotalsByModel {
    let left = used;
    for (const attempt of this.#folded.splice(0)) {
      const { share, rest } = takeShare(left, attempt.reading.delivered.totals());
      left = rest;
      attempt.settle({
        end: "completed",
        deferred: undefined,
        text: attempt.reading.text || attempt.summary,
        error: null,
        usage: { ...reportedUsage(share), estimated: true },
        denials: [],
        ran: [],
        exitCode: 0,
        model: attempt.reading.model,
      });
    }
    return left;
  }

  #accountOf({ after, reading, listener }: BackgroundAttempt): TurnAccount {
    const before = this.#totals ?? after.totals;
    return {
      before,
      planMode: after.plan.options?.permissionMode === "plan" ? undefined : reading.planMode,
      delivered: reading.delivered,
      late: [...(before?.late ?? []), ...(before?.calls ?? [])],
      report: this.#reporting((totals) => listener.totals(totals)),
    };
  }

  #reporting(report: (totals: SessionTotals) => void): (totals: SessionTotals) => void {
    return (totals) => {
      const unreported = this.#agents.delivered.latest(MAX_UNREPORTED);
      this.#totals = {
        ...withoutUncharged(totals),
        bases: totals.bases,
        ...(unreported.length > 0 && { unreported }),
        ...(!isEmpty(this.#carried) && { carried: this.#carried }),
      };
      this.#report = report;
      report(this.#totals);
    };
  }

  #reportUncharged(): void {
    if (this.#report !== undefined && this.#totals !== undefined) this.#reporting(this.#report)(this.#totals);
  }

  /** The transcript of the session in the CLI; looked for once, since a process stays in its folder. */
  transcriptOf(cliSession: string): Transcript {
    if (this.#transcript?.sessionId !== cliSession)
      this.#transcript = new Transcript(cliSession, this.#after.spawn);
    return this.#transcript;
  }

  #ownTranscript(): Transcript {
    return this.transcriptOf(this.#totals?.session ?? cliSessionOf(this.#after));
  }

  get #runs(): boolean {
    return this.#unreported.prompt || this.#unreported.own;
  }

  /** Whether the next report may contain usage of a background subagent. */
  #isShared(): boolean {
    return this.#agentsRan || this.parts.child.reader.tasks.agents.length > 0;
  }

  #takeCarried(): TotalsByModel {
    const carried = this.#carried;
    this.#carried = NO_TOTALS;
    return carried;
  }

  /** `counted`: what the last report contained of the background subagents. */
  #beginInterval(counted: TotalsByModel): void {
    // A message in progress keeps its id and may be reported again.
    this.#agents = new TurnReading(new LateListener(), this.#agents.delivered.uncounted(counted));
    this.#agentsRan = this.parts.child.reader.tasks.agents.length > 0;
    this.#reportUncharged();
  }

  /** Handles the usage that no further report will contain. */
  #close(): void {
    const { child, sessions } = this.parts;
    const { sessionId } = this.#after.info;
    for (const attempt of this.#folded.splice(0)) attempt.settle(brokenOff(attempt));
    const { delivered } = this.#agents;
    const saved = this.#savedSinceReport();
    const carried = this.#takeCarried();
    this.#agents = new TurnReading(new LateListener());
    if (!isEmpty(add(carried, saved ?? delivered.totals()))) {
      const attempt = new BackgroundAttempt({
        after: this.#after,
        child,
        hook: undefined,
        over: () => undefined,
      });
      sessions.began(attempt);
      void this.#settleAtEnd(attempt, carried, saved ?? delivered);
    }
    if (child.lostTasks.length === 0) return;
    sessions.tasks(sessionId, []);
    sessions.lost(sessionId, child.lostTasks);
  }

  /** What subagents used since the last report, where the CLI ended in order and saved it. */
  #savedSinceReport(): TotalsByModel | undefined {
    // The usage of a turn that it ended in the middle of is in there too.
    if (this.#runs || !this.#isShared()) return undefined;
    const saved = this.#ownTranscript().savedTotals();
    const used = saved && this.parts.accounts.sinceReport(this.parts.child, saved);
    return used !== undefined && covers(used, this.#agents.delivered.totals()) ? used : undefined;
  }

  async #settleAtEnd(
    attempt: BackgroundAttempt,
    carried: TotalsByModel,
    used: TotalsByModel | DeliveredUsage,
  ): Promise<void> {
    const isKnown = !(used instanceof DeliveredUsage);
    if (!isKnown) await noteWritten(this.#ownTranscript(), used);
    // A turn that was lost reports the totals itself.
    if (!this.#runs && this.#totals !== undefined) this.#accountOf(attempt).report(this.#totals);
    const isCut = this.parts.child.lostTasks.some(isSubagent) || !isEmpty(carried);
    attempt.settle({
      ...brokenOff(attempt),
      usage: isKnown ? reportedUsage(add(carried, used), isCut) : estimatedUsage(add(carried, used.totals())),
    });
  }
}

/** What a turn was delivered that its report contains. */
function reportedOf(
  delivered: DeliveredUsage,
  { unreported }: Pick<SettledTurn, "unreported">,
): TotalsByModel {
  return subtract(delivered.totals(), unreported);
}

/** The result of a turn that the CLI will not report the end of. */
function brokenOff({ reading, summary }: BackgroundAttempt): EngineResult {
  return {
    end: "failed",
    deferred: undefined,
    text: reading.text || summary,
    error: "the process ended before the background work did",
    usage: estimatedUsage(reading.delivered.totals()),
    denials: [],
    ran: [],
    exitCode: null,
    model: reading.model,
  };
}
