import { hash } from "node:crypto";
import {
  type Approval,
  type ChildNote,
  type EngineResult,
  type Epoch,
  GatewayError,
  type LostTask,
  type NewTurn,
  type SessionRecord,
  type SessionTotals,
  type TurnOutcome,
  type TurnParking,
  type TurnPlan,
  type TurnUsage,
} from "@claudeway/ports";
import { claimHere } from "./claim-here.js";
import type { Records, TurnRequest } from "./request.js";
import { auditLine } from "./response.js";
import { addUsage } from "./usage.js";

/** Records one turn in the ledger and in the audit log. */
export class TurnRecorder {
  #totals: SessionTotals | undefined;
  #model: string | undefined;
  #begun = false;
  /** Under which the session is written; taken when the turn begins. */
  #claim: Epoch = { epoch: 0 };
  #ended = false;
  /** The same at each try, by which the ledger knows a try whose answer was lost. */
  #endedAt: string | undefined;
  #unparked = false;
  /** What is noted of the running turn and not written yet. */
  #process: ChildNote | undefined;
  #usage: TurnUsage | undefined;

  constructor(
    private readonly turn: Pick<TurnRequest, "info" | "plan" | "route" | "ownsWorkdir">,
    private readonly records: Records,
  ) {}

  /** Records the turn before anything else is done. For a one-shot task, this also creates its session. */
  async begin(): Promise<void> {
    const { info, plan, route } = this.turn;
    const { ledger, keys } = this.records;
    const key = keys?.get(info.id);
    const isNew = info.kind === "task" && (await ledger.sessions.get(info.sessionId)) === undefined;
    const claim = await (isNew ? this.#create() : this.#claimSession());
    await ledger.turns.begin({ ...info, route, model: plan.model, prompt: markOf(plan) }, claim, key);
    this.#begun = true;
  }

  /** Takes a turn on that was parked, perhaps by another node. */
  async goOn(): Promise<void> {
    this.#begun = true;
    const claim = await this.#claimSession();
    // Without other nodes, the turn is of this epoch.
    if (claim.epoch !== 0) await this.records.ledger.turns.adopt(this.turn.info.id, claim);
  }

  /** False: it could not be recorded, so it has no end to record either. */
  get begun(): boolean {
    return this.#begun;
  }

  async #claimSession(): Promise<Epoch> {
    this.#claim = await claimHere(this.records.ownership, this.turn.info.sessionId);
    return this.#claim;
  }

  /** Creates the session of a one-shot task. */
  async #create(): Promise<Epoch> {
    const { info, plan, ownsWorkdir = false } = this.turn;
    const { ledger, ownership } = this.records;
    const { sessionId: id, keyId, createdAt } = info;
    const { model, systemPrompt, options, workdir } = plan;
    const settings = { model, systemPrompt, options, workdir, ownsWorkdir };
    const { owner } = ownership;
    await ledger.sessions.create({ id, keyId, kind: "task", ...settings, createdAt }, owner);
    this.#claim = ownership.created(id, owner);
    return this.#claim;
  }

  /** The turn's session as it is now. Throws NOT_FOUND if it was deleted. */
  async session(): Promise<SessionRecord> {
    const session = await this.records.ledger.sessions.get(this.turn.info.sessionId);
    if (session === undefined) throw new GatewayError("NOT_FOUND", "no such session");
    return session;
  }

  /** The session's CLI totals as the turn has changed them. */
  get cliTotals(): SessionTotals | undefined {
    return this.#totals;
  }

  /** Written with the first usage, or with the end. */
  process(child: ChildNote): void {
    this.#process = child;
  }

  /**
   * Called twice for each message of the model. Written each time, since a kill loses what is not written, but only
   * after all that was read together: the turn's end may be among it, and includes it.
   */
  usage(usage: TurnUsage): void {
    if (this.#usage === undefined) setImmediate(() => this.#writeUsage());
    this.#usage = usage;
  }

  #writeUsage(): void {
    const usage = this.#usage;
    this.#usage = undefined;
    if (usage === undefined || this.#ended) return;
    const process = this.#process;
    this.#process = undefined;
    this.#inBackground(this.records.ledger.turns.recordUsage(this.turn.info.id, usage, process));
  }

  /** Records the session's CLI totals with the turn's end, or separately if they change after it. */
  totals(totals: SessionTotals): void {
    this.#totals = totals;
    const { sessions } = this.records.ledger;
    if (this.#ended) this.#inBackground(sessions.setCliTotals(this.turn.info.sessionId, totals, this.#claim));
  }

  /** Records the session's new model with the turn's end, or separately if it changes after it. */
  model(model: string): void {
    this.#model = model;
    const { sessions } = this.records.ledger;
    if (this.#ended) this.#inBackground(sessions.setModel(this.turn.info.sessionId, model, this.#claim));
  }

  /** The turn's whole usage, with learned prices where the CLI reported none. */
  async priced({ usage, unreported }: Pick<EngineResult, "usage" | "unreported">): Promise<TurnUsage> {
    const { prices } = this.records.ledger;
    const reported = await prices.price(usage);
    if (unreported === undefined || Object.keys(unreported.byModel).length === 0) return reported;
    return addUsage(reported, await prices.price(unreported, usage));
  }

  /**
   * Records the end of the turn with all totals, and writes its audit line. `sinceParked`: see `TurnEnding`.
   *
   * @returns the recorded outcome: an earlier one if the turn had ended before
   */
  async end(outcome: TurnOutcome, sinceParked?: TurnUsage): Promise<TurnOutcome> {
    this.#endedAt ??= new Date().toISOString();
    const at = this.#endedAt;
    const ending = { at, cliTotals: this.#totals, model: this.#model, sinceParked, process: this.#process };
    this.#usage = undefined;
    const isFirst = await this.records.ledger.turns.end(this.turn.info.id, outcome, ending);
    this.#ended = true;
    if (!isFirst) return this.#recordedOutcome();
    this.records.audit.turn(auditLine(this.turn.info, outcome, at));
    return outcome;
  }

  /** Background work of the session that was stopped and that no answer has reported yet. */
  lost(): Promise<readonly LostTask[]> {
    return this.records.ledger.sessions.lost(this.turn.info.sessionId);
  }

  /** Marks these as reported by the turn's answer. */
  reportedLost(reported: readonly LostTask[]): void {
    const { sessions } = this.records.ledger;
    if (reported.length > 0)
      this.#inBackground(sessions.forgetLost(this.turn.info.sessionId, reported, this.#claim));
  }

  /** The outcome that was recorded earlier. */
  async #recordedOutcome(): Promise<TurnOutcome> {
    const { id } = this.turn.info;
    const { ledger, log } = this.records;
    const turn = await ledger.turns.get(id);
    const response = await ledger.turns.response(id);
    if (turn?.ended === undefined || response === undefined)
      throw new Error(`the ledger has no end of turn ${id}`);
    log.warn({ turn_id: id, end: turn.ended.end }, "a turn had already ended; its first end is kept");
    const { at: _at, ...ended } = turn.ended;
    return { ...ended, response, usage: turn.usage };
  }

  /** Records the turn as parked, with its usage so far. It stays open. */
  async park(parking: Omit<TurnParking, "at" | "cliTotals">): Promise<void> {
    const at = new Date().toISOString();
    this.#usage = undefined;
    await this.records.ledger.turns.park(this.turn.info.id, { ...parking, at, cliTotals: this.#totals });
    this.#ended = true;
  }

  /** Records that the decision on the parked call or the request to continue is about to reach the CLI, unless that is `gone`. */
  async unpark(gone?: AbortSignal): Promise<void> {
    gone?.throwIfAborted();
    await this.records.ledger.turns.unpark(this.turn.info.id);
    this.#unparked = true;
  }

  /** Whether what the parked turn waited for is passed to the CLI: the decision on its call, or the request to continue. */
  get unparked(): boolean {
    return this.#unparked;
  }

  /** The calls that the CLI kept from earlier turns of the session, which ended without resolving them. */
  async unresolved(): Promise<readonly Approval[]> {
    const unresolved = await this.records.ledger.approvals.unresolved(this.turn.info.sessionId);
    return unresolved.filter(({ turnId }) => turnId !== this.turn.info.id);
  }

  /** Marks these as settled: the CLI knows that they must not run. */
  settledUnresolved(unresolved: readonly Approval[]): void {
    for (const { id } of unresolved) this.#inBackground(this.records.ledger.approvals.delivered(id));
  }

  /** Logs a failed write and lets the turn continue: the data is written again at the turn's end. */
  #inBackground(write: Promise<void>): void {
    write.catch((err: unknown) => {
      this.records.log.error({ err, turn_id: this.turn.info.id }, "could not record a turn in the ledger");
    });
  }
}

/** What is stored of a prompt: never its text. */
export function markOf({ prompt: text, content }: Pick<TurnPlan, "prompt" | "content">): NewTurn["prompt"] {
  const prompt = content === undefined ? text : JSON.stringify(content);
  return { bytes: Buffer.byteLength(prompt), sha256: hash("sha256", prompt) };
}
