import type { Logger } from "pino";
import type { Engine, EngineListener, EngineResult, GrantedCall, StopReason } from "../engine/engine.js";
import { NO_USAGE } from "../engine/usage.js";
import { GatewayError } from "../errors.js";
import type { SpawnPlan } from "../kernel/hooks.js";
import type { Kernel } from "../kernel/kernel.js";
import { Booking, type Books } from "./booking.js";
import type { TurnQueue } from "./queue.js";
import { type Ending, endingOfError, endingOfResult, toResponse } from "./response.js";
import { TurnStream } from "./stream.js";
import type { TurnEvent, TurnInfo, TurnOutcome, TurnPlan, TurnUsage } from "./types.js";

/** A prompt on its way in. */
export interface TurnRequest {
  readonly info: TurnInfo;
  /** What the caller asks for; `beforeExecute` may make something else of it. */
  readonly plan: TurnPlan;
  /** Which route or plugin it came through, as in `POST /task`. */
  readonly route: string;
  /** Calls that may run although the posture denies them. */
  readonly granted?: readonly GrantedCall[];
}

/** What a turn needs around it. */
export interface TurnContext {
  readonly kernel: Kernel;
  readonly queue: TurnQueue;
  readonly engine: Engine;
  readonly books: Books;
  /** Waits until the session's earlier turns are over; resolves to what lets the next one go. */
  readonly order: (sessionId: string, stop: AbortSignal) => Promise<() => void>;
  /** What the CLI starts with unless a plugin's `spawn` tap says otherwise. */
  readonly spawn: (workdir: string) => SpawnPlan;
  readonly log: Logger;
}

/** The end of a turn: its outcome, and the error that a client waiting for it gets instead of an answer. */
export interface EndedTurn {
  readonly outcome: TurnOutcome;
  readonly error: GatewayError | undefined;
}

/**
 * One prompt, from its arrival to its end: the only way to the CLI, whoever asks.
 *
 *   beforeExecute → the session's order → the queue → spawn → engine → books → afterExecute
 */
export class Turn {
  readonly stream = new TurnStream();
  /** Never rejects. */
  readonly ended: Promise<EndedTurn>;
  readonly #stop = new AbortController();
  readonly #booking: Booking;
  #stopped: StopReason | undefined;
  #queuedMs = 0;
  #runningSince: number | undefined;

  constructor(
    private readonly request: TurnRequest,
    private readonly context: TurnContext,
  ) {
    this.#booking = new Booking(request, context.books);
    this.ended = this.#run();
  }

  get info(): TurnInfo {
    return this.request.info;
  }

  /** True from its admission on. */
  get running(): boolean {
    return this.#runningSince !== undefined;
  }

  /** Ends the turn; the first reason counts. */
  stop(reason: StopReason): void {
    this.#stopped ??= reason;
    this.#stop.abort(reason);
  }

  async #run(): Promise<EndedTurn> {
    let plan = this.request.plan;
    try {
      await this.#booking.begin();
      plan = await this.#decide();
      const result = await this.#admitted(plan);
      return await this.#finish(plan, endingOfResult(result, this.#stopped), result);
    } catch (error) {
      return await this.#finish(plan, endingOfError(error, this.#stopped) ?? this.#defect(error), undefined);
    }
  }

  get #granted(): readonly GrantedCall[] {
    return this.request.granted ?? [];
  }

  /** Lets plugins change or refuse the turn. */
  async #decide(): Promise<TurnPlan> {
    const { plan, info } = this.request;
    return this.context.kernel.hooks.beforeExecute.promise(plan, info);
  }

  /** Runs the turn when the session's earlier turns are over and the queue has a place for it. */
  async #admitted(plan: TurnPlan): Promise<EngineResult> {
    const arrived = performance.now();
    const { signal } = this.#stop;
    const nextOfSession = await this.context.order(this.info.sessionId, signal);
    try {
      const place = await this.context.queue.enter(this.info.keyId, signal, (position) =>
        this.#tell({ type: "queued", position }),
      );
      this.#queuedMs = performance.now() - arrived;
      this.#runningSince = performance.now();
      const timeout = setTimeout(() => this.stop("timeout"), plan.timeoutMs);
      try {
        return await this.#execute(plan);
      } finally {
        clearTimeout(timeout);
        place.leave();
      }
    } finally {
      nextOfSession();
    }
  }

  async #execute(plan: TurnPlan): Promise<EngineResult> {
    const spawn = await this.context.kernel.hooks.spawn.promise(this.context.spawn(plan.workdir));
    const { resume, totals } = await this.#booking.conversation();
    const turn = { info: this.info, plan, spawn, resume, totals, granted: this.#granted };
    return this.context.engine.run(turn, this.#listener(), this.#stop.signal);
  }

  #listener(): EngineListener {
    return {
      text: (delta) => this.#tell({ type: "text", delta }),
      usage: (usage) => this.#booking.usage(usage),
      process: (child) => this.#booking.process(child),
      totals: (totals) => this.#booking.totals(totals),
    };
  }

  /** Books the turn, tells its end to all who listen, and only then lets the answer go. Never rejects. */
  async #finish(plan: TurnPlan, ending: Ending, result: EngineResult | undefined): Promise<EndedTurn> {
    const { outcome, error } = await this.#book(plan, ending, result);
    const { permission_denials: denials } = outcome.response;
    if (denials !== undefined) this.#tell({ type: "permission_denied", denials });
    this.#tell({ type: "done", response: outcome.response });
    this.context.kernel.tell("afterExecute", this.info, outcome);
    return { outcome, error };
  }

  async #book(plan: TurnPlan, ending: Ending, result: EngineResult | undefined): Promise<EndedTurn> {
    const durationMs =
      this.#runningSince === undefined ? 0 : Math.round(performance.now() - this.#runningSince);
    const outcomeOf = (how: Ending, usage: TurnUsage): TurnOutcome => ({
      end: how.end,
      response: toResponse(this.info, { ending: how, result, usage, durationMs, granted: this.#granted }),
      usage,
      durationMs,
      queuedMs: Math.round(this.#queuedMs),
      exitCode: result?.exitCode ?? null,
      model: result?.model ?? plan.model,
    });
    const used = result?.usage ?? NO_USAGE;
    try {
      const outcome = outcomeOf(ending, await this.#booking.priced(used));
      await this.#booking.end(outcome);
      return { outcome, error: ending.error };
    } catch (error) {
      // An answer that is not in the books is not given: the client would count on it.
      const defect = this.#defect(error);
      return { outcome: outcomeOf(defect, used), error: defect.error };
    }
  }

  #tell(event: TurnEvent): void {
    this.stream.push(event);
    this.context.kernel.tell("event", event, this.info);
  }

  #defect(error: unknown): Ending {
    const { id } = this.info;
    this.context.log.error({ err: error, turn_id: id }, "a turn broke");
    const message = `internal error; quote ${id}`;
    return { end: "failed", message, error: new GatewayError("INTERNAL_ERROR", message) };
  }
}
