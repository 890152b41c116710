import type { Approval } from "@claudeway/ports";
import type { Logger } from "pino";
import type { ApprovalService } from "../approvals/approval-service.js";
import type { ParkedTurns } from "./parked.js";
import type { RunningTurns } from "./running.js";

export interface ResumptionOptions {
  readonly parked: ParkedTurns;
  readonly approvalService: ApprovalService;
  readonly turns: RunningTurns;
  /** Aborted when the gateway closes: turns decided after that resume at the next start. */
  readonly closing: AbortSignal;
  readonly log: Logger;
}

/** Resumes parked turns when their call is settled. */
export class Resumption {
  /**
   * The approval that each turn last resumed for, so that a turn that could not be recorded is not resumed in a loop.
   */
  readonly #gone = new Map<string, string>();

  constructor(private readonly options: ResumptionOptions) {
    options.approvalService.onSettled((approval) => void this.#onSettled(approval));
    options.turns.onParked((turnId) => void this.goOn(turnId));
  }

  /** Called once after a start. Resumes the turns whose call was decided or has expired. */
  async recover(): Promise<void> {
    for (const id of await this.options.parked.ids()) await this.goOn(id);
  }

  /** Resumes a parked turn if its call is settled. Does nothing if it runs, still waits or has ended. */
  async goOn(turnId: string): Promise<void> {
    const { parked, approvalService, turns, closing, log } = this.options;
    try {
      const turn = await parked.get(turnId);
      if (turn === undefined) this.#gone.delete(turnId);
      const approval = turn === undefined ? undefined : await approvalService.get(turn.parked.approvalId);
      if (turn === undefined || approval === undefined || approval.status === "pending") return;
      if (approval.status === "withdrawn")
        return await parked.end(turn, "the gateway ended while it was withdrawn");
      // No await between here and `start`, so that of two concurrent calls only one starts the turn.
      if (closing.aborted || turns.get(turnId) !== undefined || this.#gone.get(turnId) === approval.id)
        return;
      this.#gone.set(turnId, approval.id);
      const { usage, route } = turn;
      const { id, sessionId, kind, keyId, origin = "prompt", createdAt } = turn;
      turns.start({
        info: { id, sessionId, kind, keyId, origin, createdAt },
        plan: { ...turn.parked.plan, prompt: "" },
        route,
        continues: { parked: turn.parked, approval, usage },
      });
    } catch (error) {
      log.error(
        { err: error, turn_id: turnId },
        "a parked turn could not be resumed; the next start tries again",
      );
    }
  }

  async #onSettled({ turnId, status }: Approval): Promise<void> {
    if (status !== "withdrawn") await this.goOn(turnId);
  }
}
