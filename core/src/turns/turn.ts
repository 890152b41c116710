import { existsSync } from "node:fs";
import { kindOf, TurnStream } from "@claudeway/events";
import { narrowed } from "@claudeway/kernel";
import {
  type Approval,
  type ApprovalMode,
  type EngineListener,
  type EngineResult,
  GatewayError,
  type KeptTurn,
  type LostTask,
  type MentionedFile,
  type OwnTurn,
  type ParkedLimit,
  type SessionRecord,
  type SpawnPlan,
  type StopReason,
  type TurnEvent,
  type TurnInfo,
  type TurnOutcome,
  type TurnPlan,
  type TurnUsage,
  type UnaskedCall,
  type WorkEvent,
} from "@claudeway/ports";
import {
  type AccountChoice,
  NEVER_SUSPENDED,
  type TurnQueue,
  TurnSlot,
  UNQUEUED,
} from "@claudeway/scheduling";
import type { EventKind } from "@claudeway/schemas";
import {
  type AttachmentRoom,
  mentionedFiles,
  readsOthersFolder,
  runsRepositoryCode,
  trustedFolder,
  withFiles,
} from "@claudeway/workdirs";
import { TurnCalls } from "../approvals/calls.js";
import { verdictOf } from "../approvals/verdict.js";
import { BudgetWatch } from "./budget.js";
import { runWithFailover } from "./failover.js";
import { toWaitFor } from "./limit-parking.js";
import { outputProblem } from "./output-check.js";
import { answerSoFar, PARKED, parkedResponse, toKeep } from "./parking.js";
import type { FinishedTurn, TurnContext, TurnRequest } from "./request.js";
import { type Ending, endingOfError, endingOfResult, toOutcome } from "./response.js";
import { TurnRecorder } from "./turn-recorder.js";
import { untilWritten } from "./until-written.js";
import { addUsage, NO_USAGE } from "./usage.js";

/** A turn whose end is in the ledger, or could not be written. */
interface RecordedTurn {
  readonly outcome: TurnOutcome;
  readonly error: GatewayError | undefined;
}

/**
 * One run of a turn, from its arrival, or from its resumption, until it ends or parks. HTTP routes, plugins and the CLI's own background turns all run through this
 * class.
 *
 *   beforeExecute → earlier turns of the session → queue → spawn → engine ⇄ (approve → ApprovalService)
 *     → ledger and audit log → afterExecute
 *
 * A turn that parks stays open in the ledger. When its call is decided or expires, or its usage limit is lifted,
 * `Resumption` starts another `Turn` with the same id and `request.continues` set.
 */
export class Turn {
  readonly stream: TurnStream;
  /** Never rejects. */
  readonly ended: Promise<FinishedTurn>;
  readonly #stop = new AbortController();
  /** Aborted at shutdown: ledger writes are then tried once more and no longer retried. */
  readonly #giveUp = new AbortController();
  readonly #recorder: TurnRecorder;
  /** The caller's plan; after `beforeExecute`, the plan that the plugins returned. */
  #plan: TurnPlan;
  #stopped: StopReason | undefined;
  /** Milliseconds spent waiting for the session's earlier turns; time in the queue is in `#slot`. */
  #waitedMs = 0;
  #slot: TurnSlot | undefined;
  #running = false;
  #calls: TurnCalls | undefined;
  #budget: BudgetWatch | undefined;
  #workdirRecreated = false;
  #usageReported: Promise<void> = Promise.resolve();
  /** Whether what the parked turn waited for has been passed to the CLI: the decision on its call, or the request to continue. */
  #delivered = false;
  /** The accounts of the configuration that have run the turn, in order. */
  readonly #accounts: string[] = [];
  /** The environment of the turn's CLI. */
  #environment: SpawnPlan["env"] = {};
  #answered: () => void = () => undefined;
  /** Resolves when the model begins to answer. */
  readonly answered = new Promise<undefined>((resolve) => {
    this.#answered = () => resolve(undefined);
  });

  constructor(
    private readonly request: TurnRequest,
    private readonly context: TurnContext,
  ) {
    this.stream = new TurnStream(request.continues?.parked.stream);
    this.#recorder = new TurnRecorder(request, context.records);
    this.#plan = request.plan;
    context.events.began(request.info);
    this.ended = request.own === undefined ? this.#run() : this.#follow(request.own);
  }

  get info(): TurnInfo {
    return this.request.info;
  }

  /** True once the queue has admitted the turn. It stays true after the end. */
  get running(): boolean {
    return this.#running;
  }

  /** Ends the turn; the first reason counts. */
  stop(reason: StopReason): void {
    this.#stopped ??= reason;
    this.#stop.abort(reason);
    if (reason === "shutdown") this.#giveUp.abort();
  }

  async #run(): Promise<FinishedTurn> {
    const resumed = this.request.continues !== undefined;
    // Join the session's order before plugins run, so that a slow plugin cannot let a later turn overtake.
    const earlierTurns = this.context.waitForEarlierTurns(this.info.sessionId, this.#stop.signal, resumed);
    earlierTurns.catch(() => undefined);
    try {
      await (resumed ? earlierTurns : this.#begin(earlierTurns));
      const result = await this.#admitted(resumed);
      if (result.end === "parked") return await this.#park(result);
      const limit = this.#limitToWaitFor(result);
      if (limit !== undefined) return await this.#parkForLimit(limit, result);
      return this.#stayParked() ?? (await this.#finish(await this.#endingOf(result), result));
    } catch (error) {
      const ending = () => endingOfError(error, this.#stopped) ?? this.#defect(error);
      return this.#stayParked() ?? (await this.#finish(ending(), undefined));
    } finally {
      // Only after the turn is recorded: the session's next turn starts from the totals that this one wrote.
      earlierTurns.then(
        (leave) => leave(),
        () => undefined,
      );
    }
  }

  async #endingOf(result: EngineResult): Promise<Ending> {
    const ending = endingOfResult(result, this.#stopped);
    const schema = this.#plan.options?.outputSchema;
    if (ending.end !== "completed" || schema === undefined) return ending;
    const problem = await outputProblem(schema, result.structuredOutput);
    return problem === undefined
      ? ending
      : { ...ending, end: "failed", message: problem, failure: { code: "OUTPUT_INVALID" } };
  }

  /**
   * Follows a turn that the CLI began by itself. It is already running: no `beforeExecute`, no order, no queue. A plugin
   * that refuses it, or its budget, ends the session's background work too: otherwise that would begin the next one.
   */
  async #follow(own: OwnTurn): Promise<FinishedTurn> {
    this.#running = true;
    const slot = this.#slotIn(UNQUEUED);
    try {
      await this.#untilWritten(() => this.#recorder.begin());
      const refusal = await this.#refusalOfPlugins();
      this.#budget = this.#watchBudget(undefined);
      await slot.begin(false);
      const { approvalMode } = own.after;
      if (approvalMode === "ask") this.#calls = this.#callsOf(slot);
      const terms = {
        decider: this.#calls,
        ...(approvalMode === "deny" ? { needsPermission: this.#needsPermission } : {}),
      };
      const running = own.run(terms, this.#listener([]), this.#stop.signal);
      // Ending the process stops the turn. An interrupt before the model's first message would leave a conversation whose
      // next prompt fails.
      if (refusal !== undefined) await this.#endBackground();
      const result = await running;
      slot.end();
      this.#budget.end();
      if (this.#stopped === "budget") await this.#endBackground();
      return await this.#finish(refusal ?? endingOfResult(result, this.#stopped), result);
    } catch (error) {
      return this.#finish(endingOfError(error, this.#stopped) ?? this.#defect(error), undefined);
    } finally {
      slot.end();
    }
  }

  /** Ends the session's process, with the background work in it. */
  #endBackground(): Promise<void> {
    return this.context.engine.release(this.info.sessionId);
  }

  /** The ending of a background turn that a plugin refuses; a plugin that fails refuses it too. */
  async #refusalOfPlugins(): Promise<Ending | undefined> {
    const { kernel } = this.context;
    const refused = (error: unknown) => endingOfError(error, undefined) ?? this.#defect(error);
    const ending = await kernel.hooks.backgroundTurn
      .promise(this.info)
      .then((refusal) => refusal && refused(refusal), refused);
    // The engine ran it: it may have used tokens.
    return ending && { ...ending, end: "interrupted" };
  }

  /** Records the turn, lets plugins change or refuse it, and waits for the session's earlier turns. */
  async #begin(earlierTurns: Promise<unknown>): Promise<void> {
    const { info, withdrawPending = false } = this.request;
    await this.#recorder.begin();
    this.#plan = await this.context.kernel.hooks.beforeExecute.promise(this.#plan, info);
    const { workdir, options } = this.#plan;
    if (workdir !== this.request.plan.workdir) await this.context.workdirs.admit(workdir, info);
    for (const dir of options?.additionalDirs ?? [])
      await this.context.workdirs.admit(dir, info, "additional_dirs");
    const waiting = performance.now();
    await earlierTurns;
    await this.context.waitForOwnTurns(info.sessionId, this.#stop.signal);
    this.#waitedMs = performance.now() - waiting;
    await this.context.checkParked(info.sessionId, withdrawPending);
  }

  /** Runs the turn when the queue has a place for it. `resumed`: it had a place before it was parked. */
  async #admitted(resumed: boolean): Promise<EngineResult> {
    const slot = this.#slotIn(this.context.queue);
    await slot.begin(resumed);
    this.#running = true;
    try {
      return await this.#execute(slot);
    } finally {
      slot.end();
    }
  }

  #slotIn(queue: Pick<TurnQueue, "enter" | "enterAgain">): TurnSlot {
    const slot = new TurnSlot({
      queue,
      keyId: this.info.keyId,
      timeoutMs: this.#plan.timeoutMs,
      onTimeout: () => this.stop("timeout"),
      moved: (position) => this.#emit({ type: "queued", position }),
      signal: this.#stop.signal,
    });
    this.#slot = slot;
    return slot;
  }

  async #execute(slot: TurnSlot): Promise<EngineResult> {
    const { granted = [], continues, restartConversation: restart = false } = this.request;
    const plan = this.#plan;
    const session = await this.#recorder.session();
    await this.#restoreWorkdir(session);
    const planned = await this.#spawnPlan(undefined);
    const { cliTotals: totals } = session;
    const unresolved = await this.#recorder.unresolved();
    // A parked call still needs its own decision, even if the plugin that asked for it is off by now.
    const approvalMode = continues?.approval === undefined ? this.context.approvalMode(planned) : "ask";
    const trusted = approvalMode !== "bypass" && (await this.#trustedFolder(planned));
    const spawn = trusted ? { ...planned, cwd: trusted } : planned;
    const asksQuestions = approvalMode !== "ask" && plan.events?.includes("questions") === true;
    if (approvalMode === "ask") this.#calls = this.#callsOf(slot);
    else if (asksQuestions) this.#calls = this.#callsOf(NEVER_SUSPENDED, plan.timeoutMs / 1000);
    const room = { workdir: plan.workdir, sessionId: this.info.sessionId, workdirs: this.context.workdirs };
    const turn = {
      info: this.info,
      plan: {
        ...plan,
        content: await withFiles(plan.content, room),
        options: narrowed(plan.options ?? {}, approvalMode),
      },
      mentions: plan.verbatim ? [] : await this.#mentions(approvalMode, room),
      spawn,
      trusted: spawn !== planned,
      resume: totals !== undefined,
      restart,
      totals,
      granted,
      approvalMode,
      decider: asksQuestions ? undefined : this.#calls,
      questions: asksQuestions ? this.#calls : undefined,
      ...(approvalMode === "deny" ? { needsPermission: this.#needsPermission } : {}),
      continues: continues?.approval?.toolUseId,
      promptSent: continues?.parked.limit !== undefined,
      unresolved: unresolved.map(({ toolUseId, status }) => ({ toolUseId, certain: status === "withdrawn" })),
    };
    this.#budget = this.#watchBudget(plan.maxBudgetUsd);
    if (turn.promptSent) await this.#unpark();
    try {
      return await runWithFailover(turn, {
        context: this.context,
        spawn: (account) => this.#spawnPlan(account),
        listener: this.#listener(unresolved),
        stop: this.#stop.signal,
        totals: () => this.#recorder.cliTotals,
        report: (event) => this.#report(event),
        uses: (account) => this.#accounts.push(account),
      });
    } finally {
      this.#budget.end();
    }
  }

  async #spawnPlan(account: AccountChoice | undefined): Promise<SpawnPlan> {
    const initial = this.context.spawn(this.#plan.workdir, this.info.keyId, account);
    const planned = await this.context.kernel.hooks.spawn.promise(initial, this.info);
    this.#environment = planned.env;
    return planned;
  }

  #watchBudget(limitUsd: number | undefined): BudgetWatch {
    const { records, log } = this.context;
    const { prices, quota } = records.ledger;
    const spentUsd = this.request.continues?.usage.costUsd ?? 0;
    return new BudgetWatch({
      turnId: this.info.id,
      limitUsd: limitUsd === undefined ? undefined : limitUsd - spentUsd,
      prices,
      quota,
      exceeded: () => this.stop("budget"),
      failed: (error) => log.error({ err: error, turn_id: this.info.id }, "a turn's budget was not checked"),
    });
  }

  /**
   * Recreates the session's working directory if the gateway made it. A directory that the caller named is not touched.
   */
  async #restoreWorkdir({ id, ownsWorkdir, workdir }: SessionRecord): Promise<void> {
    const { workdirs, engine } = this.context;
    const { workdir: path } = this.#plan;
    const isOurs = path === workdirs.base || (ownsWorkdir && path === workdir);
    if (existsSync(path)) return;
    this.#workdirRecreated = isOurs && (await workdirs.recreate(path));
    // A live process would keep the deleted directory as its working directory.
    await engine.release(id);
  }

  /** The files that the prompt mentions, as far as they may be read unasked. With the bypass on, the CLI finds them. */
  async #mentions(approvalMode: ApprovalMode, room: AttachmentRoom): Promise<readonly MentionedFile[]> {
    if (approvalMode === "bypass") return [];
    const { kernel, log } = this.context;
    const { prompt, workdir } = this.#plan;
    return mentionedFiles(prompt, room, async (path) => {
      if (approvalMode === "deny") return true;
      const call = {
        toolUseId: this.info.id,
        tool: "Read",
        input: { file_path: path },
        workdir,
        cwd: workdir,
      };
      return (await verdictOf(kernel, call, this.info, log)).verdict === "allow";
    });
  }

  #trustedFolder({ cwd, options }: SpawnPlan): Promise<string | undefined> {
    const besides = [...(this.#plan.options?.additionalDirs ?? []), ...(options.additionalDirectories ?? [])];
    return trustedFolder(cwd, besides, this.context.trustedWorkdirs);
  }

  readonly #needsPermission = async (call: UnaskedCall): Promise<boolean> => {
    const { workdirs, log } = this.context;
    try {
      const { workdir, options } = this.#plan;
      const folders = [workdir, ...(options?.additionalDirs ?? [])] as const;
      if (await readsOthersFolder(call, folders, this.info.sessionId, workdirs)) return true;
      return await runsRepositoryCode(call);
    } catch (error) {
      log.error({ err: error, turn_id: this.info.id, tool: call.tool }, "a tool call could not be checked");
      return true;
    }
  };

  #listener(unresolved: readonly Approval[]): EngineListener {
    return {
      settledUnresolved: () => this.#recorder.settledUnresolved(unresolved),
      text: (delta) => this.#emit({ type: "text", delta }),
      usage: (usage) => {
        this.#answered();
        this.#recorder.usage(usage);
        this.#budget?.usage(usage);
        if (this.#wants("usage")) this.#reportUsage(usage);
      },
      wants: (kind) => this.#wants(kind),
      event: (event) => this.#report(event),
      process: (child) => this.#recorder.process(child),
      model: (model) => this.#recorder.model(model),
      totals: (totals) => this.#recorder.totals(totals),
    };
  }

  /** Makes the decider for the turn's tool calls; with `questionsWaitSecs`, for its questions alone. */
  #callsOf(slot: Pick<TurnSlot, "suspend" | "resume" | "leave">, questionsWaitSecs?: number): TurnCalls {
    const { approvalService, kernel, log, closing } = this.context;
    const { granted = [], continues } = this.request;
    return new TurnCalls({
      turn: this.info,
      workdir: this.#plan.workdir,
      continues: continues?.approval,
      granted,
      approvalService,
      kernel,
      log,
      emit: (event) => (event.type === "question" ? this.#report(event) : this.#emit(event)),
      questionsWaitSecs,
      slot,
      deliver: () => this.#unpark(),
      closing,
    });
  }

  /**
   * Records the turn, notifies streams and plugins of its end, and only then resolves with the answer. Never rejects.
   */
  async #finish(ending: Ending, result: EngineResult | undefined): Promise<FinishedTurn> {
    await this.#usageReported;
    const { outcome, error } = await this.#record(ending, result);
    const { permission_denials: denials } = outcome.response;
    if (denials !== undefined) this.#emit({ type: "permission_denied", denials });
    this.#emit({ type: "done", response: outcome.response });
    this.context.kernel.notify("afterExecute", this.info, outcome);
    return { outcome, error };
  }

  async #record(ending: Ending, result: EngineResult | undefined): Promise<RecordedTurn> {
    try {
      return await this.#untilWritten(async () => {
        if (this.#calls !== undefined) {
          // Requests of subagents that keep running in the background stay pending.
          const waiting = this.#calls.askedBy(result?.agents ?? []);
          await this.context.approvalService.withdrawAll(this.info.id, waiting);
        }
        const priced = await this.#recorder.priced(result ?? { usage: NO_USAGE });
        const lost = await this.#lostBefore(result);
        const ours = this.#outcomeOf(ending, result, priced, lost);
        const outcome = await this.#recorder.end(ours, this.request.continues && priced);
        this.#recorder.reportedLost(lost);
        return { outcome, error: outcome === ours ? ending.error : undefined };
      });
    } catch (error) {
      // An answer that could not be recorded is not sent: clients rely on every answer being in the ledger.
      const defect = this.#defect(error);
      return { outcome: this.#outcomeOf(defect, result, result?.usage ?? NO_USAGE), error: defect.error };
    }
  }

  /** Records that the turn runs again, right before the CLI gets the decision. */
  async #unpark(): Promise<void> {
    await this.#recorder.unpark();
    this.#delivered = true;
  }

  /** Answers the caller for now. The turn is recorded as parked before any event is sent. */
  async #park(result: EngineResult): Promise<FinishedTurn> {
    const pending = this.#calls?.parking;
    if (pending === undefined || pending.toolUseId !== result.deferred) {
      const message = `the CLI kept a call without a pending approval: ${result.deferred}`;
      return this.#finish({ end: "failed", message, error: undefined }, result);
    }
    await this.#usageReported;
    const usage = await this.#recorder.priced(result);
    const outcome = this.#outcomeOf({ ...PARKED, end: "interrupted" }, result, usage);
    const response = parkedResponse(outcome.response, pending);
    // Counts the two events that are emitted below.
    const stream = { text: this.stream.text, lastId: this.stream.lastId + 2 };
    const { id: approvalId, toolUseId } = pending;
    const parked = { approvalId, toolUseId, ...this.#toKeep({ ...outcome, response }, stream) };
    try {
      await this.#untilWritten(() => this.#recorder.park({ parked, usage, model: outcome.model }));
    } catch (error) {
      return this.#finish(this.#defect(error), result);
    }
    this.#emit({ type: "permission_denied", denials: response.permission_denials ?? [] });
    this.#emit({ type: "done", response });
    return { outcome: { ...outcome, response, end: "parked" }, error: undefined };
  }

  #toKeep(outcome: TurnOutcome, stream: KeptTurn["stream"]): KeptTurn {
    return toKeep({ plan: this.#plan, timeLeftMs: this.#slot?.timeLeftMs ?? 0, outcome, stream });
  }

  /** Reserves a place among the turns that wait for a usage limit; undefined if the turn does not wait. */
  #limitToWaitFor({ end, failure }: EngineResult): ParkedLimit | undefined {
    if (end !== "failed" || this.#stopped !== undefined) return undefined;
    const before = this.request.continues?.parked.limit;
    const limit = toWaitFor(failure, this.#plan.limitWait, this.#environment, before);
    return limit !== undefined && this.context.limitWaits.reserve(this.info) ? limit : undefined;
  }

  /** Answers the caller for now; the turn goes on when the limit is lifted. */
  async #parkForLimit(limit: ParkedLimit, result: EngineResult): Promise<FinishedTurn> {
    await this.#usageReported;
    const usage = await this.#recorder.priced(result);
    const outcome = this.#outcomeOf(await this.#endingOf(result), result, usage);
    const response = { ...outcome.response, parked: true };
    const stream = { text: this.stream.text, lastId: this.stream.lastId + 1 };
    const parked = { limit, ...this.#toKeep({ ...outcome, response }, stream) };
    try {
      await this.#untilWritten(() => this.#recorder.park({ parked, usage, model: outcome.model }));
    } catch (error) {
      this.context.limitWaits.release(this.info.id);
      return this.#finish(this.#defect(error), result);
    }
    this.#emit({ type: "done", response });
    return { outcome: { ...outcome, response, end: "parked" }, error: undefined };
  }

  /** At shutdown, a resumed turn whose decision has not reached the CLI stays parked, for the next start to resume. */
  #stayParked(): FinishedTurn | undefined {
    const { continues } = this.request;
    if (continues === undefined || this.#delivered || !this.context.closing.aborted) return undefined;
    const outcome = answerSoFar(continues);
    this.#emit({ type: "done", response: outcome.response });
    return { outcome, error: undefined };
  }

  /** @param used usage since the turn was last parked, or since it began; earlier usage is added here */
  #outcomeOf(
    ending: Ending,
    result: EngineResult | undefined,
    used: TurnUsage,
    lost: readonly LostTask[] = [],
  ): TurnOutcome {
    const { continues } = this.request;
    return toOutcome(this.request, {
      plan: this.#plan,
      ending,
      result,
      usage: continues === undefined ? used : addUsage(continues.usage, used),
      closed: this.#calls?.closed,
      ranMs: this.#slot?.ranMs ?? 0,
      waitedMs: this.#waitedMs + (this.#slot?.queuedMs ?? 0),
      workdirRecreated: this.#workdirRecreated,
      lost: [...lost, ...(result?.lost ?? [])],
      accounts: this.#accounts,
    });
  }

  /** Lost background work that this answer must report: only a prompt's answer does, and only if the engine ran. */
  async #lostBefore(result: EngineResult | undefined): Promise<readonly LostTask[]> {
    return result === undefined || this.request.own !== undefined ? [] : this.#recorder.lost();
  }

  #untilWritten<T>(write: () => Promise<T>): Promise<T> {
    const { log } = this.context;
    return untilWritten(write, this.#giveUp.signal, log.child({ turn_id: this.info.id }));
  }

  /** Whether a client of the turn or of its session, or a plugin, gets events of this kind. */
  #wants(kind: EventKind): boolean {
    const { events, kernel } = this.context;
    const isNamed = this.#plan.events?.includes(kind) === true;
    return isNamed || events.has(this.info.sessionId) || kernel.hooks.event.isUsed();
  }

  #report(event: WorkEvent): void {
    const kind = kindOf(event);
    if (kind !== undefined && this.#plan.events?.includes(kind)) this.stream.push(event);
    this.context.events.turnEvent(event, this.info);
    this.context.kernel.notify("event", event, this.info);
  }

  /** Reports the usage so far, at learned prices. Finding those is asynchronous; the turn's end waits for it. */
  #reportUsage(usage: TurnUsage): void {
    const { continues } = this.request;
    const all = continues === undefined ? usage : addUsage(continues.usage, usage);
    this.#usageReported = this.#usageReported
      .then(() => this.#recorder.priced({ usage: all }))
      .then(({ tokens, costUsd }) => this.#report({ type: "usage", data: { tokens, cost_usd: costUsd } }))
      .catch((error: unknown) => {
        this.context.log.error({ err: error, turn_id: this.info.id }, "a turn's usage could not be reported");
      });
  }

  #emit(event: TurnEvent): void {
    this.stream.push(event);
    this.context.events.turnEvent(event, this.info);
    this.context.kernel.notify("event", event, this.info);
  }

  #defect(error: unknown): Ending {
    const { id } = this.info;
    this.context.log.error({ err: error, turn_id: id }, "a turn failed with an internal error");
    const message = `internal error; quote ${id}`;
    return {
      end: "failed",
      message,
      error: new GatewayError("INTERNAL_ERROR", message, { details: { id } }),
    };
  }
}
