import type { Kernel } from "@claudeway/kernel";
import { GatewayError, type ParkedTurn, type TurnOutcome, type TurnRecord } from "@claudeway/ports";
import type { ApprovalService } from "../approvals/approval-service.js";
import type { Records } from "./request.js";
import { auditLine } from "./response.js";
import { NO_USAGE } from "./usage.js";

export interface ParkedTurnsOptions {
  readonly records: Records;
  readonly kernel: Kernel;
  readonly approvalService: ApprovalService;
}

/** A turn that is parked, with what its resumption needs. */
export type Parked = TurnRecord & { readonly parked: ParkedTurn };

/** The parked turns of the ledger: they wait for a person without a process. */
export class ParkedTurns {
  constructor(private readonly options: ParkedTurnsOptions) {}

  async ids(): Promise<string[]> {
    return (await this.options.records.ledger.turns.parked()).map(({ id }) => id);
  }

  async get(turnId: string): Promise<Parked | undefined> {
    return asParked(await this.options.records.ledger.turns.get(turnId));
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
    if (withdraw && (await this.withdraw(turn, "a new prompt replaced it"))) return;
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
    await this.end(turn, why);
    return true;
  }

  /** Records the end of a turn whose call was withdrawn, unless it has ended. */
  async end(turn: Parked, why: string): Promise<void> {
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
