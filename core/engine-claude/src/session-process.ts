import type { SDKMessage, SDKResultMessage } from "@anthropic-ai/claude-agent-sdk";
import type {
  EngineResult,
  EngineTurn,
  SessionListener,
  SessionTotals,
  TotalsByModel,
} from "@claudeway/core/ports";
import type { Logger } from "pino";
import type { Accounts, SettledTurn, TurnAccount } from "./accounts.js";
import type { CallHook } from "./asking.js";
import { describe, lastLine } from "./endings.js";
import { LateListener } from "./late-listener.js";
import { OwnAttempt } from "./own-turn.js";
import type { ClaudeProcess } from "./process.js";
import type { BackgroundHearer, ReaderOwner } from "./reader.js";
import { TurnReading, type TurnReport } from "./reading.js";
import { takeShare } from "./split.js";
import { add, estimatedUsage, NO_TOTALS, reportedUsage } from "./usage.js";

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
  readonly #folded: OwnAttempt[] = [];
  /** Usage of background subagents that no turn has been charged for yet. */
  #carried: TotalsByModel = NO_TOTALS;
  /** What they were delivered since the last report. */
  #agents = new TurnReading(new LateListener());
  #agentsRan = false;
  /** The session's totals as last reported. */
  #totals: SessionTotals | undefined;

  constructor(
    turn: EngineTurn,
    private readonly parts: SessionProcessParts,
  ) {
    this.#after = turn;
    void parts.child.exited.then(() => this.#close());
  }

  /** The session's next turn runs in the process. */
  serve(turn: EngineTurn): void {
    this.#after = turn;
  }

  /** What a turn used, by the totals that its process reported; see Accounts. */
  settle(
    totals: TotalsByModel,
    turn: TurnAccount,
    cleared: string | undefined,
  ): SettledTurn & { split: boolean } {
    const report = (now: SessionTotals) => {
      this.#totals = now;
      turn.report(now);
    };
    const account = { ...turn, before: this.#totals ?? turn.before, report };
    const settled = this.parts.accounts.settle(this.parts.child, totals, account, cleared);
    const split = this.#folded.length > 0 || this.#isShared();
    if (!split) return { ...settled, split };
    const { share, rest } = takeShare(settled.used, turn.delivered.totals());
    this.#carried = add(this.#carried, this.#settleFolded(rest));
    this.#beginInterval();
    return { used: share, unreported: settled.unreported, split };
  }

  /** The process has ended without a report of the turn. */
  lose(turn: TurnAccount): void {
    // A turn of the CLI's own may have come between what the turn knew when it began and its prompt.
    this.parts.accounts.lose(this.parts.child, { ...turn, before: this.#totals ?? turn.before });
  }

  begin(): BackgroundHearer {
    const { child, hook, sessions } = this.parts;
    const attempt = new OwnAttempt({
      after: this.#after,
      child,
      hook,
      over: (over, how) => this.#over(over, how),
    });
    this.parts.changed();
    sessions.began(attempt);
    return attempt;
  }

  heard(message: SDKMessage): void {
    this.parts.hook?.hear(message);
  }

  agentSaid(message: SDKMessage): void {
    this.#agents.take(message);
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

  #over(attempt: OwnAttempt, how: TurnReport | "died" | "folded"): void {
    if (how === "folded") this.#folded.push(attempt);
    else if (how === "died") void this.#die(attempt);
    else attempt.settle(this.#resultOf(attempt, how));
  }

  #resultOf(attempt: OwnAttempt, report: TurnReport): EngineResult {
    const { reading } = attempt;
    const { used, unreported } = report.isEmpty
      ? { used: NO_TOTALS, unreported: NO_TOTALS }
      : this.parts.accounts.settle(this.parts.child, report.totals, this.#accountOf(attempt), undefined);
    const all = report.isEmpty ? used : this.#takeCarried(used);
    return {
      end: report.ok ? "completed" : attempt.stopped ? "stopped" : "failed",
      deferred: undefined,
      text: report.text || attempt.summary,
      error: report.error,
      usage: reportedUsage(all, reading.cut),
      unreported: estimatedUsage(unreported),
      denials: report.denials.map((denial) => attempt.withFolder(denial)),
      ran: [],
      exitCode: 0,
      model: reading.model,
    };
  }

  /** The process ended in the middle of the turn. */
  async #die(attempt: OwnAttempt): Promise<void> {
    const { child, accounts } = this.parts;
    const { reading } = attempt;
    // Whatever it had started in tool calls goes with it.
    await child.end("now");
    const exit = await child.exited;
    accounts.lose(child, this.#accountOf(attempt));
    attempt.settle({
      end: attempt.stopped ? "stopped" : "failed",
      deferred: undefined,
      text: reading.text || attempt.summary,
      error: `the CLI ended without a result (${describe(exit)})${child.complaints && `: ${lastLine(child.complaints)}`}`,
      usage: estimatedUsage(add(this.#takeCarried(NO_TOTALS), reading.delivered.totals())),
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

  #accountOf({ after, reading, listener }: OwnAttempt): TurnAccount {
    return {
      before: this.#totals ?? after.totals,
      planMode: reading.planMode,
      delivered: reading.delivered,
      report: (totals) => {
        this.#totals = totals;
        listener.totals(totals);
      },
    };
  }

  /** Whether the next report may contain usage of a background subagent. */
  #isShared(): boolean {
    return this.#agentsRan || this.parts.child.reader.tasks.agents.length > 0;
  }

  #takeCarried(used: TotalsByModel): TotalsByModel {
    const all = add(used, this.#carried);
    this.#carried = NO_TOTALS;
    this.#beginInterval();
    return all;
  }

  #beginInterval(): void {
    this.#agents = new TurnReading(new LateListener());
    this.#agentsRan = this.parts.child.reader.tasks.agents.length > 0;
  }

  /** Handles the usage that no further report will contain. */
  #close(): void {
    const { child, sessions } = this.parts;
    const { sessionId } = this.#after.info;
    for (const attempt of this.#folded.splice(0)) attempt.settle(brokenOff(attempt));
    const unbooked = add(this.#carried, this.#agents.delivered.totals());
    if (Object.keys(unbooked).length > 0) {
      const attempt = new OwnAttempt({ after: this.#after, child, hook: undefined, over: () => undefined });
      sessions.began(attempt);
      attempt.settle({ ...brokenOff(attempt), usage: estimatedUsage(unbooked) });
    }
    if (child.lostTasks.length === 0) return;
    sessions.tasks(sessionId, []);
    sessions.lost(sessionId, child.lostTasks);
  }
}

/** The result of a turn that the CLI will not report the end of. */
function brokenOff({ reading, summary }: OwnAttempt): EngineResult {
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
