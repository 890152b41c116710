import { createHash } from "node:crypto";
import { GatewayError } from "../errors.js";
import type { Approval } from "../ports/approvals.js";
import type { ChildNote, EngineResult, LostTask, SessionTotals } from "../ports/engine.js";
import type { SessionRecord, TurnParking } from "../ports/ledger.js";
import type { TurnInfo, TurnOutcome, TurnPlan, TurnUsage } from "../ports/turns.js";
import type { Records } from "./request.js";
import { auditLine } from "./response.js";
import { addUsage } from "./usage.js";

/** One turn's pages in the ledger and its line in the audit log. */
export class TurnRecorder {
  #totals: SessionTotals | undefined;
  #model: string | undefined;
  #ended = false;

  constructor(
    private readonly turn: { readonly info: TurnInfo; readonly plan: TurnPlan; readonly route: string },
    private readonly records: Records,
  ) {}

  /** Writes the turn down before anything is done for it. A one-shot task gets its session here. */
  async begin(): Promise<void> {
    const { info, plan, route } = this.turn;
    if (info.kind === "task" && (await this.records.ledger.sessions.get(info.sessionId)) === undefined) {
      await this.records.ledger.sessions.create({
        id: info.sessionId,
        keyId: info.keyId,
        kind: "task",
        model: plan.model,
        systemPrompt: plan.systemPrompt,
        workdir: plan.workdir,
        ownsWorkdir: false,
        createdAt: info.createdAt,
      });
    }
    await this.records.ledger.turns.begin({ ...info, route, model: plan.model, prompt: markOf(plan.prompt) });
  }

  /** The turn's session as it is now. NOT_FOUND: it was deleted. */
  async session(): Promise<SessionRecord> {
    const session = await this.records.ledger.sessions.get(this.turn.info.sessionId);
    if (session === undefined) throw new GatewayError("NOT_FOUND", "no such session");
    return session;
  }

  process(child: ChildNote): void {
    this.#inBackground(this.records.ledger.turns.noteProcess(this.turn.info.id, child));
  }

  /** Comes twice for a message of the model, and is written each time: what is not written dies with the gateway. */
  usage(usage: TurnUsage): void {
    this.#inBackground(this.records.ledger.turns.recordUsage(this.turn.info.id, usage));
  }

  /** Keeps the session's totals: with the turn's end, or by themselves when the process ends after it. */
  totals(totals: SessionTotals): void {
    this.#totals = totals;
    if (this.#ended)
      this.#inBackground(this.records.ledger.sessions.setCliTotals(this.turn.info.sessionId, totals));
  }

  /** The session goes on with another model: kept with the turn's end, or by itself after it. */
  model(model: string): void {
    this.#model = model;
    if (this.#ended)
      this.#inBackground(this.records.ledger.sessions.setModel(this.turn.info.sessionId, model));
  }

  /** All that the turn used, with learned prices where the CLI named none. */
  async priced({ usage, unreported }: Pick<EngineResult, "usage" | "unreported">): Promise<TurnUsage> {
    const { prices } = this.records.ledger;
    const reported = await prices.price(usage);
    if (unreported === undefined || Object.keys(unreported.byModel).length === 0) return reported;
    return addUsage(reported, await prices.price(unreported, usage));
  }

  /**
   * Writes the end of the turn, with all totals, and its audit line. `sinceParked`: see `TurnEnding`.
   *
   * @returns the end that stands in the books: another one where the turn had ended before
   */
  async end(outcome: TurnOutcome, sinceParked?: TurnUsage): Promise<TurnOutcome> {
    const at = new Date().toISOString();
    const ending = { at, cliTotals: this.#totals, model: this.#model, sinceParked };
    const stands = await this.records.ledger.turns.end(this.turn.info.id, outcome, ending);
    this.#ended = true;
    if (!stands) return this.#standing();
    this.records.audit.turn(auditLine(this.turn.info, outcome, at));
    return outcome;
  }

  /** Background work of the session that was ended, and of which no answer has told. */
  lost(): Promise<readonly LostTask[]> {
    return this.records.ledger.sessions.lost(this.turn.info.sessionId);
  }

  /** The turn's answer tells these. */
  toldLost(told: readonly LostTask[]): void {
    if (told.length > 0)
      this.#inBackground(this.records.ledger.sessions.forgetLost(this.turn.info.sessionId, told));
  }

  /** The end that the turn had before. */
  async #standing(): Promise<TurnOutcome> {
    const { id } = this.turn.info;
    const { turns } = this.records.ledger;
    const turn = await turns.get(id);
    const response = await turns.response(id);
    if (turn?.ended === undefined || response === undefined)
      throw new Error(`turn ${id} has no end in the books`);
    this.records.log.warn({ turn_id: id, end: turn.ended.end }, "a turn had ended before; that end stands");
    const { at: _at, ...ended } = turn.ended;
    return { ...ended, response, usage: turn.usage };
  }

  /** Records what the turn used so far; it stays open. */
  async park(parking: Omit<TurnParking, "at" | "cliTotals">): Promise<void> {
    const at = new Date().toISOString();
    await this.records.ledger.turns.park(this.turn.info.id, { ...parking, at, cliTotals: this.#totals });
    this.#ended = true;
  }

  /** The CLI is about to hear what became of the call that the turn was parked for. */
  async unpark(): Promise<void> {
    await this.records.ledger.turns.unpark(this.turn.info.id);
  }

  /** The calls that the CLI kept from the session's earlier turns, which ended without them. */
  async unresolved(): Promise<readonly Approval[]> {
    const unresolved = await this.records.ledger.approvals.unresolved(this.turn.info.sessionId);
    return unresolved.filter(({ turnId }) => turnId !== this.turn.info.id);
  }

  /** The CLI has been told that these are not to run. */
  settledUnresolved(unresolved: readonly Approval[]): void {
    for (const { id } of unresolved) this.#inBackground(this.records.ledger.approvals.delivered(id));
  }

  /** What is lost with such a write is found again at the turn's end: it is logged, and the turn goes on. */
  #inBackground(write: Promise<void>): void {
    write.catch((error: unknown) => {
      this.records.log.error(
        { err: error, turn_id: this.turn.info.id },
        "the ledger did not take a note of a turn",
      );
    });
  }
}

function markOf(prompt: string): { readonly bytes: number; readonly sha256: string } {
  return { bytes: Buffer.byteLength(prompt), sha256: createHash("sha256").update(prompt).digest("hex") };
}
