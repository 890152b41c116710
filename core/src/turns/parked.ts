import type { ApprovalService } from "../approvals/approval-service.js";
import { GatewayError } from "../errors.js";
import type { Kernel } from "../kernel/kernel.js";
import type { Approval } from "../ports/approvals.js";
import type { TurnRecord } from "../ports/ledger.js";
import type { ParkedTurn, TurnOutcome } from "../ports/turns.js";
import type { Records } from "./request.js";
import { auditLine } from "./response.js";
import type { RunningTurns } from "./running.js";
import { NO_USAGE } from "./usage.js";

export interface ParkedTurnsOptions {
  readonly records: Records;
  readonly kernel: Kernel;
  readonly approvalService: ApprovalService;
  readonly turns: RunningTurns;
  /** Aborted when the gateway closes: turns decided after that resume at the next start. */
  readonly closing: AbortSignal;
}

type Parked = TurnRecord & { readonly parked: ParkedTurn };

/** Parked turns: they wait for a person without a process. They resume when their call is settled, or are withdrawn. */
export class ParkedTurns {
  /**
   * The approval that each turn last resumed for, so that a turn that could not be recorded is not resumed in a loop.
   */
  readonly #gone = new Map<string, string>();

  constructor(private readonly options: ParkedTurnsOptions) {
    options.approvalService.onSettled((approval) => void this.#onSettled(approval));
    options.turns.onParked((turnId) => void this.goOn(turnId));
  }

  /** Called once after a start. Resumes the turns whose call was decided or has expired. */
  async recover(): Promise<void> {
    for (const { id } of await this.options.records.ledger.turns.parked()) await this.goOn(id);
  }

  /** The session's parked turn, if there is one. */
  async ofSession(sessionId: string): Promise<Parked | undefined> {
    const [turn] = await this.options.records.ledger.turns.parked(sessionId);
    return turn === undefined ? undefined : asParked(turn);
  }

  /**
   * Throws CONFLICT with the approval's id if the session has a parked turn. With `withdraw` it ends that turn instead.
   */
  async check(sessionId: string, withdraw: boolean): Promise<void> {
    const turn = await this.ofSession(sessionId);
    if (turn === undefined) return;
    if (withdraw && (await this.withdraw(turn, "a new prompt took its place"))) return;
    const { approvalId } = turn.parked;
    throw new GatewayError(
      "CONFLICT",
      `a tool call of this session waits for a decision: approval ${approvalId}`,
      {
        details: { approval_id: approvalId },
      },
    );
  }

  /** Ends a parked turn. False: its call has been decided already, and the turn resumes. */
  async withdraw(turn: Parked, why: string): Promise<boolean> {
    const { status } = await this.options.approvalService.withdraw(turn.parked.approvalId);
    if (status !== "withdrawn") return false;
    await this.#end(turn, why);
    return true;
  }

  /** Resumes a parked turn if its call is settled. Does nothing if it runs, still waits or has ended. */
  async goOn(turnId: string): Promise<void> {
    const { records, approvalService, turns, closing } = this.options;
    try {
      const turn = asParked(await records.ledger.turns.get(turnId));
      if (turn === undefined) this.#gone.delete(turnId);
      const approval = turn === undefined ? undefined : await approvalService.get(turn.parked.approvalId);
      if (turn === undefined || approval === undefined || approval.status === "pending") return;
      if (approval.status === "withdrawn")
        return await this.#end(turn, "the gateway ended while it was withdrawn");
      // No await between here and `start`, so that of two concurrent calls only one starts the turn.
      if (closing.aborted || turns.get(turnId) !== undefined || this.#gone.get(turnId) === approval.id)
        return;
      this.#gone.set(turnId, approval.id);
      const { parked, usage, route } = turn;
      const { id, sessionId, kind, keyId, origin = "prompt", createdAt } = turn;
      turns.start({
        info: { id, sessionId, kind, keyId, origin, createdAt },
        plan: { ...parked.plan, prompt: "" },
        route,
        continues: { parked, approval, usage },
      });
    } catch (error) {
      records.log.error(
        { err: error, turn_id: turnId },
        "a parked turn could not go on; the next start tries again",
      );
    }
  }

  async #onSettled({ turnId, status }: Approval): Promise<void> {
    if (status !== "withdrawn") await this.goOn(turnId);
  }

  async #end(turn: Parked, why: string): Promise<void> {
    const { ledger, audit } = this.options.records;
    const outcome = withdrawnOutcome(turn, why);
    const at = new Date().toISOString();
    if (!(await ledger.turns.end(turn.id, outcome, { at, sinceParked: NO_USAGE }))) return;
    audit.turn(auditLine(turn, outcome, at));
    this.options.kernel.notify("afterExecute", turn, outcome);
  }
}

function asParked(turn: TurnRecord | undefined): Parked | undefined {
  return turn?.parked === undefined ? undefined : { ...turn, parked: turn.parked };
}

function withdrawnOutcome({ parked, usage }: Parked, why: string): TurnOutcome {
  const { pending_approval: _pending, ...response } = parked.response;
  return {
    end: "interrupted",
    response: { ...response, success: false, error: `the tool call was withdrawn: ${why}` },
    usage,
    durationMs: parked.ranMs,
    queuedMs: parked.queuedMs,
    exitCode: 0,
    model: parked.plan.model,
  };
}
