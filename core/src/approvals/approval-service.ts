import { randomUUID } from "node:crypto";
import { answersOf, QUESTION_TOOL, withAnswers } from "@claudeway/conversations";
import type { Approvals, Kernel } from "@claudeway/kernel";
import {
  type Approval,
  type ApprovalFilter,
  type ApprovalPage,
  type AskTerms,
  type AuditLog,
  type Decider,
  type Decision,
  type DecisionRecord,
  GatewayError,
  type GrantFilter,
  type GrantPage,
  type Ledger,
  type PageQuery,
  type SessionGrant,
  type ToolCall,
  type TurnInfo,
} from "@claudeway/ports";
import { Polling } from "@claudeway/scheduling";
import type { AnswersRequest } from "@claudeway/schemas";
import type { Logger } from "pino";
import { decisionLine } from "./audit-line.js";
import { alreadyDecided, checkDecider, checkDecision } from "./deciding.js";
import { Expiry } from "./expiry.js";
import { LINK_PATH, type LinkSigner, tokenIn } from "./links.js";
import { denialOf, isSameCall, refusalOf } from "./verdict.js";

export interface ApprovalServiceParts {
  readonly ledger: Ledger;
  readonly kernel: Kernel;
  readonly audit: AuditLog;
  readonly links: LinkSigner;
  readonly log: Logger;
  /** Other gateways work on the ledger: what waits here may be decided there, and what waits there may expire here. */
  readonly shared?: boolean;
}

const DEFAULT_EXPIRES_SECS = 24 * 60 * 60;
/** How often a decision of another gateway is looked for, while something waits, in ms. */
const LOOK_MS = 500;
/** How often requests that other gateways left are looked for, in ms. */
const SWEEP_MS = 5000;

/** Holds the tool calls that wait for a person. Every state is recorded in the ledger before it is announced. */
export class ApprovalService implements Approvals {
  /** Callbacks that wait for a request to be settled in this process, by request id. */
  readonly #waiting = new Map<string, (approval: Approval) => void>();
  readonly #settled = new Set<(approval: Approval) => void>();
  readonly #expiry: Expiry;
  /** Requests that could not be settled: the ledger may have recorded it nevertheless, and only its answer been lost. */
  readonly #unsure = new Set<string>();
  readonly #unheard: Polling;

  constructor(private readonly parts: ApprovalServiceParts) {
    const { ledger, log, shared = false } = parts;
    this.#expiry = new Expiry({
      next: () => ledger.approvals.msToNextDue(),
      expire: () => (shared ? this.#sweep() : this.#expireDue()),
      everyMs: shared ? SWEEP_MS : undefined,
      log,
    });
    this.#unheard = new Polling({
      everyMs: LOOK_MS,
      look: () => this.#hear(),
      failed: (error) => log.error({ err: error }, "decisions could not be read; trying again"),
    });
  }

  /** Settles what a killed gateway left open: requests of ended turns, and requests that have expired since. */
  async recover(): Promise<void> {
    await this.#sweep();
    await this.#expiry.schedule();
  }

  async #sweep(): Promise<void> {
    for (const { id } of await this.parts.ledger.approvals.pending("ended turns")) await this.withdraw(id);
    await this.#expireDue();
  }

  /** Hands on what another gateway has settled, and announced there. True while something waits. */
  async #hear(): Promise<boolean> {
    const ids = new Set([...this.#waiting.keys(), ...this.#unsure]);
    for (const approval of await Promise.all([...ids].map((id) => this.get(id)))) {
      const isUnsure = this.#unsure.delete(approval?.id ?? "");
      if (approval === undefined || approval.status === "pending") continue;
      if (isUnsure) this.#announce(approval);
      else this.#hand(approval);
    }
    return this.#waiting.size + this.#unsure.size > 0;
  }

  /** Calls the listener with every request that is settled, after the ledger has recorded it. */
  onSettled(listener: (approval: Approval) => void): void {
    this.#settled.add(listener);
  }

  close(): void {
    this.#expiry.close();
    this.#unheard.close();
  }

  /** Records a request for a decision on a call and announces it. `settled` resolves once it is no longer pending. */
  async ask(
    call: ToolCall,
    turn: TurnInfo,
    { expiresSecs = DEFAULT_EXPIRES_SECS, deciders }: AskTerms,
  ): Promise<{ readonly approval: Approval; readonly settled: Promise<Approval> }> {
    const now = await this.parts.ledger.approvals.now();
    const approval: Approval = {
      id: randomUUID(),
      sessionId: turn.sessionId,
      turnId: turn.id,
      keyId: turn.keyId,
      kind: call.tool === QUESTION_TOOL ? "question" : "tool",
      toolUseId: call.toolUseId,
      tool: call.tool,
      input: call.input,
      workdir: call.workdir,
      cwd: call.cwd,
      status: "pending",
      parked: false,
      askedAt: new Date(now).toISOString(),
      expiresAt: new Date(now + expiresSecs * 1000).toISOString(),
      deciders,
      decision: undefined,
    };
    const settled = new Promise<Approval>((resolve) => this.#waiting.set(approval.id, resolve));
    try {
      await this.parts.ledger.approvals.ask(approval);
    } catch (error) {
      this.#waiting.delete(approval.id);
      throw error;
    }
    if (this.parts.shared === true) this.#unheard.begin();
    await this.#expiry.schedule();
    this.parts.kernel.notify("approvalRequested", approval);
    return { approval, settled };
  }

  /** Nothing in this process waits for the request any more: its turn has parked. */
  stopWaiting(id: string): void {
    this.#waiting.delete(id);
  }

  get(id: string): Promise<Approval | undefined> {
    return this.parts.ledger.approvals.get(id);
  }

  list(query: ApprovalFilter & PageQuery): Promise<ApprovalPage> {
    return this.parts.ledger.approvals.list(query);
  }

  async decide(id: string, decision: Decision, decider: Decider): Promise<Approval> {
    const approval = await this.get(id);
    if (approval === undefined || (decider.channel === "key" && decider.keyId !== approval.keyId)) {
      throw new GatewayError("NOT_FOUND", "no such approval");
    }
    checkDecider(approval, decider);
    if (approval.status !== "pending") throw alreadyDecided(approval);
    if (Date.parse(approval.expiresAt) <= (await this.parts.ledger.approvals.now())) {
      await this.expire(id);
      throw alreadyDecided((await this.get(id)) ?? approval);
    }
    const checked = await this.#checked(approval, decision);
    const record: DecisionRecord = { ...checked, by: decider, at: new Date().toISOString() };
    const settled = await this.#settle(id, decision.decision === "allow" ? "allowed" : "denied", record);
    if (settled === undefined) throw alreadyDecided((await this.get(id)) ?? approval);
    try {
      if (decision.decision === "allow" && decision.scope === "session") await this.#grant(settled, record);
    } finally {
      // The decision is recorded, so the waiting turn continues even if the grant could not be.
      this.#announce(settled);
    }
    return settled;
  }

  /**
   * Answers the questions that a turn waits for: those of the call `id`, or of the only one that asks. Throws CONFLICT
   * if no call asks, BAD_REQUEST for invalid answers.
   */
  async answer(turnId: string, { id, answers }: AnswersRequest, decider: Decider): Promise<Approval> {
    const pending = await this.parts.ledger.approvals.pending({ turnId });
    const asked = pending.filter(
      ({ kind, toolUseId }) => kind === "question" && toolUseId === (id ?? toolUseId),
    );
    const [approval, another] = asked;
    if (approval === undefined) {
      const which = id === undefined ? "" : ` with the id ${JSON.stringify(id)}`;
      throw new GatewayError(
        "CONFLICT",
        `no question${which} waits in this turn: none was asked, or it was answered`,
      );
    }
    if (another !== undefined) {
      const ids = asked.map(({ toolUseId }) => toolUseId).join(", ");
      throw new GatewayError("BAD_REQUEST", `id is missing; it must be one of the calls that ask: ${ids}`);
    }
    const updatedInput = { answers: answersOf(approval.input, answers) };
    return this.decide(approval.id, { decision: "allow", updatedInput }, decider);
  }

  async link(id: string): Promise<string> {
    const approval = await this.get(id);
    if (approval === undefined) throw new GatewayError("NOT_FOUND", "no such approval");
    return `${LINK_PATH}/${this.parts.links.sign(id, Date.parse(approval.expiresAt))}`;
  }

  /** Whether the path is that of a link that was signed here: one that has expired is no guess either. */
  isSigned(path: string): boolean {
    return this.parts.links.verify(tokenIn(path), 0) !== undefined;
  }

  /** The request that a link's token is for; undefined if the token is invalid or has expired. */
  async behindLink(token: string): Promise<Approval | undefined> {
    const id = this.parts.links.verify(token, await this.parts.ledger.approvals.now());
    return id === undefined ? undefined : this.get(id);
  }

  /** Expires a pending request. Resolves to the request's final state: a decision that came first counts. */
  expire(id: string): Promise<Approval> {
    return this.#end(id, "expired");
  }

  /** Withdraws a pending request because its turn has ended for another reason. */
  withdraw(id: string): Promise<Approval> {
    return this.#end(id, "withdrawn");
  }

  /** Withdraws all pending requests of a turn, except for the calls with these `toolUseId`s. */
  async withdrawAll(turnId: string, except: ReadonlySet<string> = new Set()): Promise<void> {
    for (const { id, toolUseId } of await this.parts.ledger.approvals.pending({ turnId }))
      if (!except.has(toolUseId)) await this.withdraw(id);
  }

  /** Whether exactly this call, in this folder, was allowed for the rest of the session. */
  async isGranted(sessionId: string, call: Pick<ToolCall, "tool" | "input" | "cwd">): Promise<boolean> {
    const grants = await this.parts.ledger.approvals.grantsFor(sessionId, call.tool);
    return grants.some((grant) => grant.cwd === call.cwd && isSameCall(grant, call));
  }

  grants(query: GrantFilter & PageQuery): Promise<GrantPage> {
    return this.parts.ledger.approvals.grants(query);
  }

  /** Revokes a grant for all later calls. Throws NOT_FOUND, also for a grant of another key. */
  async revoke(id: string, decider: Decider): Promise<SessionGrant> {
    const grant = await this.parts.ledger.approvals.grantById(id);
    const theirs = decider.channel === "admin" || grant?.keyId === decider.keyId;
    const at = new Date().toISOString();
    if (grant === undefined || !theirs || !(await this.parts.ledger.approvals.revoke(id, at))) {
      throw new GatewayError("NOT_FOUND", "no such grant");
    }
    return { ...grant, revokedAt: at };
  }

  /**
   * Checks a decision. A changed input goes through the `approve` hook again, so that it can't bypass a plugin's deny.
   */
  async #checked(approval: Approval, decision: Decision): Promise<Decision> {
    checkDecision(approval, decision);
    if (decision.decision === "deny" || decision.updatedInput === undefined) return decision;
    const isQuestion = approval.kind === "question";
    const updatedInput = isQuestion
      ? withAnswers(approval.input, decision.updatedInput)
      : decision.updatedInput;
    const turn = await this.parts.ledger.turns.get(approval.turnId);
    if (turn === undefined) throw alreadyDecided(approval);
    const { toolUseId, tool, workdir, cwd } = approval;
    const call = { toolUseId, tool, workdir, cwd, input: updatedInput };
    // Where no plugin decides calls, a question has no verdict.
    const refusal = await (isQuestion ? refusalOf : denialOf)(this.parts.kernel, call, turn, this.parts.log);
    if (refusal !== undefined) throw new GatewayError("FORBIDDEN", `updated_input is denied: ${refusal}`);
    return { ...decision, updatedInput };
  }

  async #grant(approval: Approval, { updatedInput, by, at }: DecisionRecord): Promise<void> {
    const { id: approvalId, sessionId, keyId, tool, cwd } = approval;
    const call = { sessionId, keyId, tool, cwd, input: updatedInput ?? approval.input };
    const grant = { ...call, id: randomUUID(), approvalId, by, at, revokedAt: undefined };
    await this.parts.ledger.approvals.grant(grant);
  }

  async #end(id: string, status: "expired" | "withdrawn"): Promise<Approval> {
    const settled = await this.#settle(id, status);
    if (settled !== undefined) this.#announce(settled);
    const approval = settled ?? (await this.get(id));
    if (approval === undefined) throw new GatewayError("NOT_FOUND", "no such approval");
    return approval;
  }

  async #expireDue(): Promise<void> {
    for (const { id } of await this.parts.ledger.approvals.due()) await this.expire(id);
  }

  /** Undefined if the request was settled before. */
  async #settle(...settling: Parameters<Ledger["approvals"]["settle"]>): Promise<Approval | undefined> {
    const [id] = settling;
    try {
      return (await this.parts.ledger.approvals.settle(...settling)) ? await this.get(id) : undefined;
    } catch (error) {
      this.#unsure.add(id);
      this.#unheard.begin();
      throw error;
    }
  }

  #announce(approval: Approval): void {
    this.#unsure.delete(approval.id);
    this.parts.audit.approval(decisionLine(approval, new Date().toISOString()));
    this.#hand(approval);
    this.parts.kernel.notify("approvalDecided", approval);
    for (const listener of this.#settled) listener(approval);
  }

  /** To what waits for it in this process. */
  #hand(approval: Approval): void {
    this.#waiting.get(approval.id)?.(approval);
    this.#waiting.delete(approval.id);
  }
}
