import type { SessionEvents } from "@claudeway/events";
import type { Kernel } from "@claudeway/kernel";
import {
  GatewayError,
  type ParkedLimit,
  type ParkedTurn,
  type TurnEvent,
  type TurnOutcome,
  type TurnRecord,
} from "@claudeway/ports";
import { type LimitWaits, untilWritten } from "@claudeway/scheduling";
import type { ApprovalService } from "../approvals/approval-service.js";
import { claimHere } from "./claim-here.js";
import type { Records } from "./request.js";
import { auditLine } from "./response.js";
import { NO_USAGE } from "./usage.js";

export interface ParkedTurnsOptions {
  readonly records: Records;
  readonly kernel: Kernel;
  readonly approvalService: ApprovalService;
  readonly limitWaits: LimitWaits;
  readonly events: Pick<SessionEvents, "turnEvent">;
}

/** How long it is tried to record an end, in ms. */
const END_MS = 5000;

/** A turn that is parked, with what its resumption needs. */
export type Parked = TurnRecord & { readonly parked: ParkedTurn };

/** The parked turns of the ledger: they wait for a person or a usage limit. */
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
   * Throws CONFLICT with the id of the approval or of the turn if the session has a parked turn. With `withdraw` it ends
   * that turn instead.
   */
  async check(sessionId: string, withdraw: boolean): Promise<void> {
    const turn = await this.ofSession(sessionId);
    if (turn === undefined) return;
    if (withdraw && (await this.withdraw(turn, "a new prompt replaced it"))) return;
    const { approvalId, limit } = turn.parked;
    if (approvalId === undefined) throw waitsForLimit(turn.id, limit);
    const message = `a tool call of this session waits for a decision: decide with POST /approvals/${approvalId}, or send withdraw_pending`;
    throw new GatewayError("CONFLICT", message, { details: { approval_id: approvalId } });
  }

  /** Ends a parked turn. False: its call has been decided or its limit is lifted, and the turn resumes. */
  async withdraw(turn: Parked, why: string): Promise<boolean> {
    const { limitWaits, approvalService } = this.options;
    const { approvalId, limit } = turn.parked;
    const isOurs =
      approvalId === undefined
        ? limitWaits.remove(turn.id)
        : (await approvalService.withdraw(approvalId)).status === "withdrawn";
    if (!isOurs) return false;
    try {
      await this.end(turn, why);
    } catch (error) {
      // It still waits.
      if (approvalId === undefined) limitWaits.add({ ...turn, parked: { limit } });
      throw error;
    }
    return true;
  }

  /** Records the end of a turn that no longer waits, unless it has ended. */
  async end(turn: Parked, why: string): Promise<void> {
    const { ledger, ownership, audit, log } = this.options.records;
    const claim = await claimHere(ownership, turn.sessionId);
    // Without other nodes, the turn is of this epoch.
    if (claim.epoch !== 0) await ledger.turns.adopt(turn.id, claim);
    const outcome = withdrawnOutcome(turn, why);
    const at = new Date().toISOString();
    const { approvalService, kernel } = this.options;
    // Before the end: once that is recorded, its events must be sent.
    const approval = await approvalService.get(turn.parked.approvalId ?? "");
    const end = () => ledger.turns.end(turn.id, outcome, { at, sinceParked: NO_USAGE });
    if (!(await untilWritten(end, AbortSignal.timeout(END_MS), log))) return;
    audit.turn(auditLine(turn, outcome, at));
    if (approval !== undefined) this.#publish({ type: "permission_resolved", approval }, turn);
    this.#publish({ type: "done", response: outcome.response }, turn);
    kernel.notify("afterExecute", turn, outcome);
  }

  #publish(event: TurnEvent, turn: Parked): void {
    this.options.events.turnEvent(event, turn);
    this.options.kernel.notify("event", event, turn);
  }
}

function asParked(turn: TurnRecord | undefined): Parked | undefined {
  return turn?.parked === undefined ? undefined : { ...turn, parked: turn.parked };
}

function waitsForLimit(turnId: string, { resetsAt }: ParkedLimit): GatewayError {
  const message = `a turn of this session waits for a usage limit until ${resetsAt}: ${turnId}`;
  return new GatewayError("CONFLICT", message, { details: { turn_id: turnId } });
}

function withdrawnOutcome({ parked, usage }: Parked, why: string): TurnOutcome {
  const {
    pending_approval,
    parked: _parked,
    code: _code,
    limit: _limit,
    resets_at: _at,
    ...response
  } = parked.response;
  const waited =
    pending_approval === undefined ? "the turn waited for a usage limit" : "the tool call was withdrawn";
  return {
    end: "interrupted",
    response: { ...response, success: false, error: `${waited}: ${why}` },
    usage,
    durationMs: parked.ranMs,
    queuedMs: parked.queuedMs,
    exitCode: 0,
    model: parked.plan.model,
  };
}
