import { afterLoss, afterReport, settle } from "./bases.js";
import type { SessionTotals, TotalsByModel } from "./engine.js";
import type { ClaudeProcess } from "./process.js";
import { NO_TOTALS } from "./usage.js";

/** What a process has told so far. */
interface Account {
  /** The totals that it began with. */
  startedFrom: TotalsByModel;
  /** Tells the session's totals after the last report, by how the process ended. */
  tell: (killed: boolean) => void;
}

/** One turn's place in the totals of its session. */
export interface TurnAccount {
  /** The session's totals before the turn. */
  readonly before: SessionTotals | undefined;
  /** What the turn's own stream has told. */
  readonly delivered: TotalsByModel;
  /** Hears the session's totals after the turn: at once, and again when its process is killed after it. */
  readonly tell: (totals: SessionTotals) => void;
}

/** Tells turns' usage from the totals that processes report; see bases.ts. */
export class Accounts {
  /** Of processes that resume a session: what the CLI has saved of it. */
  readonly #saved = new WeakMap<ClaudeProcess, TotalsByModel>();
  readonly #accounts = new WeakMap<ClaudeProcess, Account>();

  /** A process begins; `saved`: with a session whose totals the CLI saved. */
  open(child: ClaudeProcess, saved: TotalsByModel | undefined): void {
    if (saved !== undefined) this.#saved.set(child, saved);
  }

  /** What a turn used, by the totals that its process reported. `cleared`: the CLI's new id, where it began anew. */
  settle(
    child: ClaudeProcess,
    reported: TotalsByModel,
    turn: TurnAccount,
    cleared: string | undefined,
  ): TotalsByModel {
    const { used, base } = settle(reported, this.#before(child, turn), turn.delivered);
    const account = this.#accountOf(child, base);
    if (cleared !== undefined) account.startedFrom = NO_TOTALS;
    const session = cleared ?? turn.before?.session;
    account.tell = (killed) =>
      turn.tell({
        ...(session !== undefined && { session }),
        ...afterReport(reported, account.startedFrom, killed),
      });
    account.tell(false);
    return used;
  }

  /** The turn's process has ended without a report of it. */
  lose(child: ClaudeProcess, turn: TurnAccount): void {
    turn.tell(afterLoss(this.#before(child, turn), turn.delivered));
  }

  /** What a process began with is told by its first report; from then on the session's totals are its own. */
  #before(child: ClaudeProcess, { before }: TurnAccount): SessionTotals | undefined {
    const saved = this.#saved.get(child);
    if (saved === undefined || this.#accounts.has(child)) return before;
    return { ...before, bases: [saved, ...(before?.bases ?? [])] };
  }

  #accountOf(child: ClaudeProcess, startedFrom: TotalsByModel): Account {
    const known = this.#accounts.get(child);
    if (known !== undefined) return known;
    const account: Account = { startedFrom, tell: () => undefined };
    this.#accounts.set(child, account);
    void child.exited.then(({ signal }) => {
      if (signal === "SIGKILL") account.tell(true);
    });
    return account;
  }
}
