import { randomUUID } from "node:crypto";
import type { SessionForks, SessionHistory } from "@claudeway/conversations";
import { kindsOf, type SessionEvents } from "@claudeway/events";
import {
  type ExtendedRequest,
  type Kernel,
  type NewSessionRequest,
  type SessionInfo,
  toPrompt,
} from "@claudeway/kernel";
import {
  type Caller,
  type Engine,
  GatewayError,
  type Ledger,
  type NewSession,
  type Ownership,
  type PageQuery,
  type SessionRecord,
  type SessionTotals,
} from "@claudeway/ports";
import { type Arrival, SessionOrder } from "@claudeway/scheduling";
import type {
  Session,
  SessionForked,
  SessionForkRequest,
  SessionMessages,
  SessionTurnRequest,
} from "@claudeway/schemas";
import type { StoreFiles, Workdirs } from "@claudeway/workdirs";
import type { ApprovalService } from "./approvals/approval-service.js";
import { deciderOf } from "./approvals/deciding.js";
import type { OptionReader } from "./turn-options.js";
import { APPROVE_ROUTE, ApprovedCalls, approvalPrompt } from "./turns/approved-calls.js";
import type { ParkedTurns } from "./turns/parked.js";
import type { Resumption } from "./turns/resumption.js";
import type { RunningTurns } from "./turns/running.js";
import type { Turn } from "./turns/turn.js";
import { NO_USAGE } from "./turns/usage.js";

/** A page of a list, and what its sessions must have in common. */
export interface SessionListQuery extends PageQuery {
  /** Pairs that turns of each session carry; undefined: any. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

export interface SessionParts {
  readonly engine: Engine;
  readonly kernel: Kernel;
  readonly ledger: Ledger;
  readonly ownership: Ownership;
  readonly turns: RunningTurns;
  readonly parked: ParkedTurns;
  readonly resumption: Resumption;
  readonly approvalService: ApprovalService;
  readonly events: SessionEvents;
  readonly history: SessionHistory;
  readonly forks: SessionForks;
  readonly workdirs: Workdirs;
  readonly options: OptionReader;
}

/** Of a session whose conversation is there before its first turn. */
const RECORDED: SessionTotals = { answered: true, bases: [{}] };
/** The timeout of a turn if the request body cannot set one, in seconds. */
const APPROVED_TURN_TIMEOUT_SECS = 600;

/**
 * The sessions and who owns them. A session of another key, a deleted one and one that never was look the same:
 * NOT_FOUND.
 */
export class Sessions {
  readonly #approvedCalls: ApprovedCalls;
  /** Prompts begin in the order of their arrival, however long the ledger takes over each. */
  readonly #arrived = new SessionOrder();

  constructor(private readonly parts: SessionParts) {
    this.#approvedCalls = new ApprovedCalls(parts);
  }

  async start(
    caller: Caller,
    request: ExtendedRequest<"session-start-request">,
    { hidden = false, history = [] }: Pick<NewSessionRequest, "hidden" | "history"> = {},
  ): Promise<SessionRecord> {
    const { history: histories, kernel, ledger, ownership, turns, workdirs } = this.parts;
    turns.checkLedger();
    const { owner } = ownership;
    const id = randomUUID();
    const options = await this.parts.options.read(request, caller.keyId);
    const workdir = await workdirs.ofSession(id, request.workdir, caller.keyId);
    const session = unused({
      id,
      keyId: caller.keyId,
      kind: "session",
      model: request.model,
      systemPrompt: request.system_prompt,
      ...(Object.keys(options).length > 0 && { options }),
      ...(hidden && { hidden }),
      workdir: workdir.path,
      ownsWorkdir: workdir.made,
      createdAt: new Date().toISOString(),
      ...(history.length > 0 && { cliTotals: RECORDED }),
    });
    try {
      if (history.length > 0) await histories.begin(session, history);
      await ledger.sessions.create(session, owner);
      if (history.length > 0) await histories.save(await histories.refOf(session));
    } catch (error) {
      if (workdir.made) await workdirs.remove(id, workdir.path);
      throw error;
    }
    ownership.created(id, owner);
    kernel.notify("sessionStart", infoOf(session));
    return session;
  }

  /** Changes what holds for the session's further turns, and its title. */
  async update(
    caller: Caller,
    id: string,
    request: ExtendedRequest<"session-update-request">,
  ): Promise<Session> {
    const { before, leave } = this.arrive(caller, id);
    try {
      // The options are written as a whole: of two changes at once, the second one has to find the first one's.
      await before;
      const session = await this.owned(caller, id);
      const { title, model, system_prompt: systemPrompt, ...fields } = request;
      const options = await this.parts.options.update(fields, session.keyId, session.options);
      await this.parts.ledger.sessions.update(session.id, { title, model, systemPrompt, options });
      return await this.view(caller, id);
    } finally {
      leave();
    }
  }

  /** A session of the caller, or with `tasksToo` the session of a one-shot task. */
  async owned(caller: Caller, id: string, tasksToo = false): Promise<SessionRecord> {
    const session = await this.parts.ledger.sessions.get(id);
    const mine = session?.keyId === caller.keyId && (tasksToo || session.kind === "session");
    if (session === undefined || !mine) throw new GatewayError("NOT_FOUND", "no such session");
    return session;
  }

  /** A session as its owner sees it, with its background work. */
  async view(caller: Caller, id: string): Promise<Session> {
    const session = await this.owned(caller, id);
    return { ...viewOf(session), background: [...this.parts.engine.background(session.id)] };
  }

  /** The events of a session of the caller after the event `after`, or from now on, until `stop` aborts. */
  async events(caller: Caller, id: string, reading: Parameters<SessionEvents["read"]>[1]) {
    const session = await this.owned(caller, id);
    return this.parts.events.read(session.id, reading);
  }

  /** The conversation of a session or one-shot task of the caller. */
  async messages(caller: Caller, id: string, query: PageQuery): Promise<SessionMessages> {
    return this.parts.history.messages(await this.owned(caller, id, true), query);
  }

  /** Begins a session with what was said in another one of the caller. */
  async fork(caller: Caller, id: string, { at }: SessionForkRequest, hidden = false): Promise<SessionForked> {
    const session = await this.owned(caller, id);
    await this.#admitWorkdir(session);
    const forked = await this.parts.forks.fork(session, at, hidden);
    this.parts.kernel.notify("sessionStart", infoOf(await this.owned(caller, forked.session_id)));
    return forked;
  }

  async list(caller: Caller, { page, limit, metadata }: SessionListQuery) {
    const found = await this.parts.ledger.sessions.list({ keyId: caller.keyId, page, limit, metadata });
    return { sessions: found.sessions.map(viewOf), total: found.total, page, limit };
  }

  /** Joins the order of the session's prompts, as one arrives. */
  arrive({ keyId }: Caller, id: string): Arrival {
    return this.#arrived.join(`${keyId} ${id}`);
  }

  /**
   * Begins the session's next turn under the id `turnId`. Throws CONFLICT while a call of the session waits for a
   * decision, unless that is to be withdrawn.
   */
  async prompt(
    caller: Caller,
    id: string,
    request: ExtendedRequest<"session-turn-request">,
    turnId: string,
    storeFiles?: StoreFiles,
    arrival = this.arrive(caller, id),
  ): Promise<Turn> {
    try {
      const session = await this.owned(caller, id);
      await this.#admitWorkdir(session);
      const options = await this.parts.options.read(request, session.keyId, session.options);
      if (!request.withdraw_pending) await this.#checkParked(session.id);
      const workdirRecreated =
        storeFiles !== undefined &&
        session.ownsWorkdir &&
        (await this.parts.workdirs.recreate(session.workdir));
      await storeFiles?.(session).finally(() => this.parts.workdirs.removeIfDeleted(session));
      await arrival.before;
      return this.parts.turns.start({
        info: { ...turnInfo(session, turnId), metadata: request.metadata },
        plan: {
          ...planOf(session),
          ...promptOf(request),
          limitWait: this.parts.options.limitWait(request),
          options,
        },
        route: "POST /session/:id",
        withdrawPending: request.withdraw_pending,
        restartConversation: request.restart_conversation,
        workdirRecreated,
      });
    } finally {
      arrival.leave();
    }
  }

  /**
   * Lets exactly those calls run that the session's last turn was denied, by asking the model to make them again. Calls
   * that wait for a decision are allowed, and their turn goes on: it keeps its own id.
   */
  async approve(
    caller: Caller,
    id: string,
    toolUseIds: readonly string[],
    turnId: string,
    from?: string,
  ): Promise<Turn> {
    const session = await this.owned(caller, id, true);
    return this.#approvedCalls.approve(session.id, toolUseIds, deciderOf(caller, from), async (granted) => {
      await this.#admitWorkdir(session);
      return this.parts.turns.start({
        info: turnInfo(session, turnId),
        plan: {
          ...planOf(session),
          prompt: approvalPrompt(granted),
          timeoutMs: APPROVED_TURN_TIMEOUT_SECS * 1000,
          verbatim: true,
          limitWait: this.parts.options.limitWait({}),
        },
        route: APPROVE_ROUTE,
        granted,
      });
    });
  }

  async #admitWorkdir(session: SessionRecord): Promise<void> {
    const { id: sessionId, keyId, workdir } = session;
    if (!this.parts.workdirs.isAsMade(session))
      await this.parts.workdirs.admit(workdir, { sessionId, keyId });
  }

  /**
   * Ends the running or parked turn of a session or one-shot task; turns that wait behind it continue. False if there
   * was none.
   */
  async interrupt(caller: Caller, id: string): Promise<boolean> {
    const session = await this.owned(caller, id, true);
    // One that goes on after a decision may have to wait for a place.
    const running = this.parts.turns.ofSession(session.id).filter((turn) => turn.running || turn.resumed);
    for (const turn of running) turn.stop("interrupted");
    await Promise.all(running.map((turn) => turn.ended));
    return (await this.#withdraw(session.id, "the turn was interrupted")) || running.length > 0;
  }

  /**
   * Ends what the session does by itself: a turn that the CLI began, and its background work. A running prompt continues,
   * with the background work of its process. False: nothing was ended.
   */
  async endBackground(caller: Caller, id: string): Promise<boolean> {
    const session = await this.owned(caller, id, true);
    const { engine, turns } = this.parts;
    const own = turns.ofSession(session.id).filter(({ info }) => info.origin === "background");
    for (const turn of own) turn.stop("interrupted");
    await Promise.all(own.map((turn) => turn.ended));
    if (engine.background(session.id).length === 0) return own.length > 0;
    await engine.release(session.id);
    return own.length > 0 || engine.background(session.id).length === 0;
  }

  /** Ends the session's turns, deletes the session, and removes its folder if the gateway created it. */
  async delete(caller: Caller, id: string): Promise<void> {
    const session = await this.owned(caller, id);
    if (!(await this.parts.ledger.sessions.delete(session.id, new Date().toISOString()))) {
      throw new GatewayError("NOT_FOUND", "no such session");
    }
    const turns = this.parts.turns.ofSession(session.id);
    for (const turn of turns) turn.stop("deleted");
    await Promise.all(turns.map((turn) => turn.ended));
    const steps = [
      () => this.#withdraw(session.id, "the session was deleted"),
      () => this.parts.engine.release(session.id),
      async () => {
        this.parts.events.ended(session.id);
        this.parts.kernel.notify("sessionEnd", infoOf(session));
      },
      async () => session.ownsWorkdir && this.parts.workdirs.remove(session.id, session.workdir),
    ];
    // It can't be deleted again, so each step is taken whatever becomes of those before.
    const failures: unknown[] = [];
    for (const step of steps) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  /** Throws CONFLICT if a turn is parked. One whose call is decided goes on, and is waited for as any turn that runs. */
  async #checkParked(sessionId: string): Promise<void> {
    const { parked, resumption, turns } = this.parts;
    const turn = await parked.ofSession(sessionId);
    if (turn === undefined) return;
    if (turn.parked.approvalId !== undefined) await resumption.goOn(turn.id);
    if (!turns.ofSession(sessionId).some(({ resumed }) => resumed)) await parked.check(sessionId, false);
  }

  /** Ends the parked turn. Resolves to false if there is none. */
  async #withdraw(sessionId: string, why: string): Promise<boolean> {
    const turn = await this.parts.parked.ofSession(sessionId);
    return turn !== undefined && (await this.parts.parked.withdraw(turn, why));
  }
}

/** A session as its owner sees it. */
export function viewOf(session: SessionRecord): Session {
  const { totals, title } = session;
  const view: Session = {
    session_id: session.id,
    created_at: session.createdAt,
    last_used: session.lastUsed,
    model: session.model,
    task_count: session.taskCount,
    workdir: session.workdir,
    tokens: totals.tokens,
    cost_usd: totals.unpriced > 0 && totals.costUsd === 0 ? null : totals.costUsd,
  };
  if (title !== undefined) view.title = title;
  if (totals.estimated > 0) view.cost_estimated = true;
  return view;
}

/** A session that has had no turn. */
function unused(session: NewSession): SessionRecord {
  const totals = { tokens: NO_USAGE.tokens, costUsd: 0, estimated: 0, unpriced: 0 };
  return { cliTotals: undefined, ...session, lastUsed: session.createdAt, taskCount: 0, totals };
}

function infoOf({ id, keyId, model, workdir }: SessionRecord): SessionInfo {
  return { id, keyId, model, workdir };
}

function turnInfo(session: SessionRecord, id: string) {
  const { id: sessionId, kind, keyId } = session;
  return { id, sessionId, kind, keyId, origin: "prompt" as const, createdAt: new Date().toISOString() };
}

function planOf({ model, systemPrompt, workdir, options }: SessionRecord) {
  return { model, systemPrompt, workdir, maxBudgetUsd: undefined, options };
}

function promptOf(request: SessionTurnRequest) {
  const { prompt, timeout_secs, verbatim, model, system_prompt, max_budget_usd, events } = request;
  return {
    ...toPrompt(prompt),
    timeoutMs: timeout_secs * 1000,
    verbatim,
    maxBudgetUsd: max_budget_usd,
    events: kindsOf(events),
    ...(model !== undefined && { model }),
    ...(system_prompt !== undefined && { systemPrompt: system_prompt }),
  };
}
