import type { SessionTotals, TotalsByModel } from "@claudeway/ports";
import { afterLoss, afterReport, settle } from "./bases.js";
import type { DeliveredUsage } from "./delivered-usage.js";
import type { ClaudeProcess } from "./process.js";
import { isPossible, NO_TOTALS, subtract } from "./totals.js";

/** The totals that one process has reported so far. */
interface Account {
  /** The totals that it began with. */
  startedFrom: TotalsByModel;
  /** Its last report, which the next one continues from. */
  reported: TotalsByModel;
  /** Usage that turns streamed but that no report has counted yet: a subagent may run beyond the end of a turn. */
  ahead: TotalsByModel;
  /** Reports the session's totals after the last report, depending on how the process ended. */
  report: (killed: boolean) => void;
}

/** One turn's place in the totals of its session. */
export interface TurnAccount {
  /** The session's totals before the turn. */
  readonly before: SessionTotals | undefined;
  /** Whether the CLI is in plan mode after it, as far as it has said. */
  readonly planMode: boolean | undefined;
  /** The usage in the turn's own stream. */
  readonly delivered: DeliveredUsage;
  /** The calls that the conversation needs results for before it can go on. */
  readonly calls?: readonly string[];
  /** The calls that it has gone on without. */
  readonly late?: readonly string[];
  /** Called with the session's totals after the turn: at once, and again if its process is killed later. */
  readonly report: (totals: SessionTotals) => void;
}

/** What a turn used. */
export interface SettledTurn {
  /** What its process reported of it, with the CLI's own price. */
  readonly used: TotalsByModel;
  /** Usage that was streamed but is in no report, so that its price is unknown. */
  readonly unreported: TotalsByModel;
}

/** Works out the usage of turns from the totals that processes report; see bases.ts. */
export class Accounts {
  /** What processes began with, where that is known. */
  readonly #saved = new WeakMap<ClaudeProcess, TotalsByModel>();
  readonly #accounts = new WeakMap<ClaudeProcess, Account>();

  /** Records the start of a process. `saved` are the totals it continues from; undefined if unknown. */
  open(child: ClaudeProcess, saved: TotalsByModel | undefined): void {
    if (saved !== undefined) this.#saved.set(child, saved);
  }

  /** What a turn used, by the totals that its process reported. `cleared`: the CLI's new id, where it began anew. */
  settle(
    child: ClaudeProcess,
    reported: TotalsByModel,
    turn: TurnAccount,
    cleared: string | undefined,
  ): SettledTurn {
    const { delivered } = turn;
    const seen = { all: delivered.totals(), uncut: delivered.totals("uncut") };
    const { used, base } = settle(reported, turn.before, seen, this.#startOf(child, cleared));
    const account = this.#accountOf(child, base);
    const { unreported, ahead } = delivered.beside(used, account.ahead);
    // After `/clear`, no report counts what came before it any more.
    account.ahead = cleared === undefined ? ahead : NO_TOTALS;
    account.reported = reported;
    if (cleared !== undefined) account.startedFrom = NO_TOTALS;
    const session = cleared ?? turn.before?.session;
    const planMode = turn.planMode ?? turn.before?.planMode ?? false;
    const { calls = [], late = [] } = turn;
    account.report = (killed) =>
      turn.report({
        ...(calls.length > 0 && { calls }),
        ...(late.length > 0 && { late }),
        ...(session !== undefined && { session }),
        ...(cleared === undefined && { answered: true }),
        ...(planMode && { planMode }),
        ...afterReport(reported, account.startedFrom, killed),
      });
    account.report(false);
    return { used, unreported };
  }

  /** The turn's process has ended without a report of it. */
  lose(child: ClaudeProcess, turn: TurnAccount): void {
    turn.report(afterLoss(this.#before(child, turn), turn.delivered.totals("uncut")));
  }

  /** What a process used since its last report, by the totals that it saved after that; undefined where it saved none. */
  sinceReport(child: ClaudeProcess, saved: TotalsByModel): TotalsByModel | undefined {
    const reported = this.#accounts.get(child)?.reported;
    const used = reported && subtract(saved, reported);
    return used && isPossible(used) ? used : undefined;
  }

  #startOf(child: ClaudeProcess, cleared: string | undefined): TotalsByModel | undefined {
    if (cleared !== undefined) return NO_TOTALS;
    return this.#accounts.get(child)?.reported ?? this.#saved.get(child);
  }

  /** A process's first report shows which totals it started from; after that its own totals are the session's. */
  #before(child: ClaudeProcess, { before }: TurnAccount): SessionTotals | undefined {
    const saved = this.#saved.get(child);
    if (saved === undefined || this.#accounts.has(child)) return before;
    return { ...before, bases: [saved, ...(before?.bases ?? [])] };
  }

  #accountOf(child: ClaudeProcess, startedFrom: TotalsByModel): Account {
    const known = this.#accounts.get(child);
    if (known !== undefined) return known;
    const account: Account = {
      startedFrom,
      reported: startedFrom,
      ahead: NO_TOTALS,
      report: () => undefined,
    };
    this.#accounts.set(child, account);
    void child.exited.then(({ signal }) => {
      if (signal === "SIGKILL") account.report(true);
    });
    return account;
  }
}
