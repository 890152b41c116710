import { type Approval, type Ownership, toGatewayError } from "@claudeway/ports";
import type { LimitWaits, TurnWithLimit } from "@claudeway/scheduling";
import type { Logger } from "pino";
import type { ApprovalService } from "../approvals/approval-service.js";
import type { Parked, ParkedTurns } from "./parked.js";
import type { RunningTurns } from "./running.js";
import type { Turn } from "./turn.js";

export interface ResumptionOptions {
  readonly parked: ParkedTurns;
  readonly approvalService: ApprovalService;
  readonly ownership: Pick<Ownership, "claim" | "fenced">;
  readonly turns: RunningTurns;
  readonly limitWaits: LimitWaits;
  /** Aborted when the gateway closes: turns decided after that resume at the next start. */
  readonly closing: AbortSignal;
  readonly log: Logger;
}

/** After this time, in ms, it is tried again to resume a turn: the ledger failed, or the turn's end could not be recorded. */
const AGAIN_MS = 5000;

/** Resumes parked turns when their call is settled, or when the usage limit that they wait for is lifted. */
export class Resumption {
  /** The approvals whose turns have resumed, so that a turn that could not be recorded is not resumed in a loop. */
  readonly #gone = new Set<string>();

  constructor(private readonly options: ResumptionOptions) {
    const { approvalService, turns, limitWaits } = options;
    approvalService.onSettled((approval) => void this.#onSettled(approval));
    turns.onParked((turnId) => void this.goOn(turnId));
    limitWaits.onDue((turnId) => this.#goOnAfterLimit(turnId).catch((error) => this.#failed(turnId, error)));
  }

  /** Called once after a start. Resumes the turns whose call was decided or has expired. */
  async recover(): Promise<void> {
    for (const id of await this.options.parked.ids()) await this.goOn(id);
  }

  /**
   * Resumes a parked turn if its call is settled, or once its usage limit is lifted. Does nothing if it runs, still
   * waits or has ended.
   */
  async goOn(turnId: string): Promise<void> {
    const { parked, turns, limitWaits, ownership, closing } = this.options;
    if (closing.aborted || ownership.fenced.aborted || turns.get(turnId) !== undefined) return;
    try {
      const turn = await parked.get(turnId);
      // The node that has the session resumes the turn, or the one that claims it next: it keeps no place here.
      if (turn === undefined || (await ownership.claim(turn.sessionId)).at !== "here")
        return limitWaits.release(turnId);
      if (isForLimit(turn)) limitWaits.add(turn);
      else await this.#goOnAfterDecision(turn);
    } catch (error) {
      this.#failed(turnId, error);
    }
  }

  #failed(turnId: string, err: unknown): undefined {
    const mayPass = toGatewayError(err)?.code === "UNAVAILABLE";
    const next = mayPass ? "trying again" : "the next start tries again";
    this.options.log.error({ err, turn_id: turnId }, `a parked turn could not be resumed; ${next}`);
    if (mayPass) setTimeout(() => this.goOn(turnId), AGAIN_MS).unref();
  }

  async #goOnAfterDecision(turn: Parked): Promise<void> {
    const { approvalId } = turn.parked;
    const { parked, approvalService } = this.options;
    const approval = approvalId === undefined ? undefined : await approvalService.get(approvalId);
    if (approval === undefined || approval.status === "pending") return;
    if (approval.status === "withdrawn")
      return await parked.end(turn, "the gateway ended while it was withdrawn");
    // No await between here and `start`, so that of two concurrent calls only one starts the turn.
    if (this.#gone.has(approval.id)) return;
    const resumed = this.#start(turn, approval);
    if (resumed === undefined) return;
    this.#gone.add(approval.id);
    const again = () => this.#gone.delete(approval.id) && this.goOn(turn.id);
    void resumed.ended.then(() => setTimeout(again, AGAIN_MS).unref());
  }

  async #goOnAfterLimit(turnId: string): Promise<Turn | undefined> {
    const turn = await this.options.parked.get(turnId);
    return turn !== undefined && isForLimit(turn) ? this.#start(turn, undefined) : undefined;
  }

  /** Starts the turn again, under its id; undefined if it runs, or if the gateway closes. */
  #start(turn: Parked, approval: Approval | undefined): Turn | undefined {
    const { turns, closing } = this.options;
    if (closing.aborted || turns.get(turn.id) !== undefined) return undefined;
    const { usage, route, parked } = turn;
    const { id, sessionId, kind, keyId, origin = "prompt", createdAt, metadata } = turn;
    return turns.start({
      info: { id, sessionId, kind, keyId, origin, createdAt, metadata },
      plan: { ...parked.plan, prompt: "" },
      route,
      granted: parked.granted,
      continues: { parked, approval, usage },
    });
  }

  async #onSettled({ turnId, status }: Approval): Promise<void> {
    if (status !== "withdrawn") await this.goOn(turnId);
  }
}

function isForLimit(turn: Parked): turn is TurnWithLimit {
  return turn.parked.limit !== undefined;
}
