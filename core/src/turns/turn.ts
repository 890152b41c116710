import { weightOf } from "@claudeway/events";
import type {
  Approval,
  BackgroundTurn,
  EngineListener,
  EngineResult,
  Refusal,
  StopReason,
  TurnInfo,
} from "@claudeway/ports";
import { BudgetWatch, type TurnQueue, TurnSlot, UNQUEUED } from "@claudeway/scheduling";
import { TurnConclusion } from "./conclusion.js";
import { runWithFailover } from "./failover.js";
import { TurnPreparation } from "./preparation.js";
import type { TurnProgress } from "./progress.js";
import type { FinishedTurn, TurnContext, TurnRequest } from "./request.js";
import { type Ending, endingOfResult } from "./response.js";
import { TurnEvents } from "./turn-events.js";
import { TurnRecorder } from "./turn-recorder.js";

/**
 * One run of a turn, from its arrival, or from its resumption, until it ends or parks. Prompts of HTTP routes and plugins,
 * and the turns that the CLI begins by itself, all run through this class.
 *
 *   beforeExecute → earlier turns of the session → queue → preparation (spawn) → engine ⇄ `TurnCalls` (approve →
 *     ApprovalService) → conclusion (ledger and audit log → afterExecute)
 *
 * A turn that parks stays open in the ledger. When its call is decided or expires, or its usage limit is lifted,
 * `Resumption` starts another `Turn` with the same id and `request.continues` set.
 */
export class Turn {
  /** Never rejects. */
  readonly ended: Promise<FinishedTurn>;
  readonly #stop = new AbortController();
  readonly #giveUp = new AbortController();
  readonly #recorder: TurnRecorder;
  readonly #events: TurnEvents;
  readonly #progress: TurnProgress;
  readonly #preparation: TurnPreparation;
  readonly #conclusion: TurnConclusion;
  #running = false;
  #noteAnswer: () => void = () => undefined;
  /** Resolves when the model begins to answer. */
  readonly answered = new Promise<undefined>((resolve) => {
    this.#noteAnswer = () => resolve(undefined);
  });

  constructor(
    private readonly request: TurnRequest,
    private readonly context: TurnContext,
  ) {
    this.#progress = {
      plan: request.plan,
      stopped: undefined,
      slot: undefined,
      calls: undefined,
      waitedMs: 0,
      workdirRecreated: request.workdirRecreated ?? false,
      accounts: [],
      environment: {},
    };
    this.#recorder = new TurnRecorder(request, context.records);
    this.#events = new TurnEvents(request, context, this.#recorder, this.#progress);
    const parts = {
      request,
      context,
      recorder: this.#recorder,
      events: this.#events,
      progress: this.#progress,
    };
    this.#preparation = new TurnPreparation(parts);
    this.#conclusion = new TurnConclusion(parts, this.#giveUp.signal);
    this.ended = request.background === undefined ? this.#run() : this.#follow(request.background);
  }

  get info(): TurnInfo {
    return this.request.info;
  }

  get stream(): TurnEvents["stream"] {
    return this.#events.stream;
  }

  /** True once the queue has admitted the turn. It stays true after the end. */
  get running(): boolean {
    return this.#running;
  }

  /** Whether it goes on after it was parked. */
  get resumed(): boolean {
    return this.request.continues !== undefined;
  }

  /** The ids of the denied calls that it was begun for, as approved since. */
  get approved(): readonly string[] {
    const { granted = [], continues } = this.request;
    const before = continues?.parked.response.approved ?? [];
    return [...granted.map(({ toolUseId }) => toolUseId), ...before.map(({ tool_use_id: id }) => id)];
  }

  /** Ends the turn; the first reason counts. With a refusal, the caller gets that. */
  stop(reason: StopReason, refusal?: Refusal): void {
    if (this.#progress.stopped === undefined) this.#progress.refusal = refusal;
    this.#progress.stopped ??= reason;
    this.#stop.abort(reason);
    if (reason === "shutdown" || reason === "fenced") this.#giveUp.abort();
  }

  async #run(): Promise<FinishedTurn> {
    const { resumed } = this;
    // Join the session's order before plugins run, so that a slow plugin cannot let a later turn overtake.
    const earlierTurns = this.context.waitForEarlierTurns(this.info.sessionId, this.#stop.signal, resumed);
    earlierTurns.catch(() => undefined);
    try {
      await (resumed ? this.#resume(earlierTurns) : this.#begin(earlierTurns));
      return await this.#conclusion.conclude(await this.#runInQueue(resumed));
    } catch (error) {
      return await this.#conclusion.fail(error);
    } finally {
      // Only after the turn is recorded: the session's next turn starts from the totals that this one wrote.
      earlierTurns.then((leave) => leave()).catch(() => undefined);
    }
  }

  /** Records the turn, lets plugins change or refuse it, and waits for the session's earlier turns. */
  async #begin(earlierTurns: Promise<unknown>): Promise<void> {
    const { info, plan, withdrawPending = false } = this.request;
    await this.#recorder.begin();
    void this.ended.then(this.context.hold(info.keyId, weightOf(plan)));
    this.#progress.plan = await this.context.kernel.hooks.beforeExecute.promise(this.#progress.plan, info);
    const waiting = performance.now();
    await earlierTurns;
    await this.context.waitForBackgroundTurns(info.sessionId, this.#stop.signal);
    this.#progress.waitedMs = performance.now() - waiting;
    await this.context.checkParked(info.sessionId, withdrawPending);
  }

  /** Takes a parked turn on, so that its end is recorded if it is stopped, and waits for the session's earlier turns. */
  async #resume(earlierTurns: Promise<unknown>): Promise<void> {
    await this.#recorder.goOn();
    await earlierTurns;
  }

  /** Runs the turn when the queue has a place for it. `resumed`: it had a place before it was parked. */
  async #runInQueue(resumed: boolean): Promise<EngineResult> {
    const slot = this.#slotIn(this.context.queue);
    await slot.begin(resumed);
    this.#running = true;
    try {
      return await this.#execute(slot);
    } finally {
      slot.end();
    }
  }

  async #execute(slot: TurnSlot): Promise<EngineResult> {
    const unresolved = await this.#recorder.unresolved();
    const prepared = await this.#preparation.prepare(slot, unresolved);
    const budget = this.#watchBudget(this.#progress.plan.maxBudgetUsd);
    try {
      if (prepared.promptSent) await this.#recorder.unpark();
      return await runWithFailover(prepared, {
        context: this.context,
        spawn: (account) => this.#preparation.spawnPlan(account),
        listener: this.#listener(budget, unresolved),
        stop: this.#stop.signal,
        totals: () => this.#recorder.cliTotals,
        report: (event) => this.#events.report(event),
        uses: (account) => this.#progress.accounts.push(account),
      });
    } finally {
      budget.end();
    }
  }

  /**
   * Follows a turn that the CLI began by itself. It is already running: no `beforeExecute`, no order, no queue. A plugin
   * that refuses it, or its budget, ends the session's background work too: otherwise that would begin the next one.
   */
  async #follow(background: BackgroundTurn): Promise<FinishedTurn> {
    this.#running = true;
    const slot = this.#slotIn(UNQUEUED);
    try {
      await this.#conclusion.untilWritten(() => this.#recorder.begin());
      const refusal = await this.#refusalOfPlugins();
      const budget = this.#watchBudget(undefined);
      await slot.begin(false);
      const { approvalMode } = background.after;
      if (approvalMode === "ask") this.#progress.calls = this.#preparation.callsOf(slot);
      const terms = {
        decider: this.#progress.calls,
        ...(approvalMode === "deny" ? { needsPermission: this.#preparation.needsPermission } : {}),
      };
      const running = background.run(terms, this.#listener(budget, []), this.#stop.signal);
      // Ending the process stops the turn. An interrupt before the model's first message would leave a conversation whose
      // next prompt fails.
      if (refusal !== undefined) await this.#endBackground();
      const result = await running;
      slot.end();
      budget.end();
      const { stopped } = this.#progress;
      if (stopped === "budget") await this.#endBackground();
      return await this.#conclusion.finish(refusal ?? endingOfResult(result, stopped), result);
    } catch (error) {
      return this.#conclusion.finish(this.#conclusion.endingAfter(error), undefined);
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
    const refused = (error: unknown) => this.#conclusion.endingAfter(error);
    const ending = await this.context.kernel.hooks.backgroundTurn
      .promise(this.info)
      .then((refusal) => refusal && refused(refusal), refused);
    // The engine ran it: it may have used tokens.
    return ending && { ...ending, end: "interrupted" };
  }

  #slotIn(queue: Pick<TurnQueue, "enter" | "enterAgain">): TurnSlot {
    const slot = new TurnSlot({
      queue,
      keyId: this.info.keyId,
      timeoutMs: this.#progress.plan.timeoutMs,
      onTimeout: () => this.stop("timeout"),
      moved: (position) => this.#events.emit({ type: "queued", position }),
      signal: this.#stop.signal,
    });
    this.#progress.slot = slot;
    return slot;
  }

  #watchBudget(limitUsd: number | undefined): BudgetWatch {
    const { records, log } = this.context;
    const { prices, quota } = records.ledger;
    return new BudgetWatch({
      turnId: this.info.id,
      limitUsd,
      before: this.request.continues?.usage,
      prices,
      quota,
      exceeded: () => this.stop("budget"),
      failed: (error) => log.error({ err: error, turn_id: this.info.id }, "a turn's budget was not checked"),
    });
  }

  #listener(budget: BudgetWatch, unresolved: readonly Approval[]): EngineListener {
    return {
      settledUnresolved: () => this.#recorder.settledUnresolved(unresolved),
      text: (delta) => this.#events.emit({ type: "text", delta }),
      usage: (usage) => {
        this.#noteAnswer();
        this.#recorder.usage(usage);
        budget.usage(usage);
        if (this.#events.wants("usage")) this.#events.reportUsage(usage);
      },
      wants: (kind) => this.#events.wants(kind),
      event: (event) => this.#events.report(event),
      process: (child) => this.#recorder.process(child),
      model: (model) => this.#recorder.model(model),
      totals: (totals) => this.#recorder.totals(totals),
    };
  }
}
