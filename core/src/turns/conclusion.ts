import {
  Elsewhere,
  type EngineResult,
  FencedError,
  GatewayError,
  LedgerError,
  type LostTask,
  type ParkedForDecision,
  type ParkedForLimit,
  type ParkedLimit,
  type TurnEvent,
  type TurnOutcome,
  type TurnUsage,
} from "@claudeway/ports";
import { toWaitFor, untilWritten } from "@claudeway/scheduling";
import type { TurnResponse } from "@claudeway/schemas";
import { outputProblem } from "./output-check.js";
import { answerSoFar, PARKED, parkedResponse, toKeep } from "./parking.js";
import type { TurnParts } from "./parts.js";
import type { FinishedTurn } from "./request.js";
import { type Ending, endingOfError, endingOfResult, toOutcome } from "./response.js";
import { addUsage, NO_USAGE } from "./usage.js";

/** A turn whose end is in the ledger, or could not be written. */
interface RecordedTurn {
  readonly outcome: TurnOutcome;
  readonly error: GatewayError | undefined;
  /** True: the session has gone to another node, which records the turn. */
  readonly isFenced?: boolean;
}

/** Ends one run of a turn: records its end and says so to everyone, or parks it. */
export class TurnConclusion {
  constructor(
    private readonly parts: TurnParts,
    /** Aborted at shutdown: ledger writes are then tried once more and no longer retried. */
    private readonly giveUp: AbortSignal,
  ) {}

  /** Parks the turn if its call waits for a decision, or if it waits for a usage limit; ends it otherwise. */
  async conclude(result: EngineResult): Promise<FinishedTurn> {
    if (result.end === "parked") return this.#parkForDecision(result);
    const limit = this.#limitToWaitFor(result);
    if (limit !== undefined) return this.#parkForLimit(limit, result);
    return this.#stayParked() ?? (await this.finish(await this.#endingOfResult(result), result));
  }

  /** Ends the turn after an error, unless it stays parked. */
  async fail(error: unknown): Promise<FinishedTurn> {
    if (!this.parts.recorder.begun) return this.#refuse(error);
    return this.#stayParked(error) ?? (await this.finish(this.#ifItRan(this.endingAfter(error)), undefined));
  }

  /** Answers a turn that is not in the ledger, and so has no end to record. */
  #refuse(thrown: unknown): FinishedTurn {
    const { context, recorder } = this.parts;
    const { error, message } = this.endingAfter(thrown);
    const outcome = this.#outcomeOf({ end: "refused", message, error }, undefined, NO_USAGE);
    this.parts.events.emit({ type: "done", response: outcome.response });
    // It is there, and would stay open, if only the ledger's answer was lost.
    if (thrown instanceof LedgerError)
      untilWritten(() => recorder.end(outcome), context.closing, context.log).catch(() => undefined);
    return { outcome, error };
  }

  /** The ending after an error; one that is none of the turn's known ends is logged as a defect. */
  endingAfter(error: unknown): Ending {
    return endingOfError(error, this.parts.progress.stopped) ?? this.#defect(error);
  }

  /**
   * Records the turn, notifies streams and plugins of its end, and only then resolves with the answer. Never rejects.
   */
  async finish(ending: Ending, result: EngineResult | undefined): Promise<FinishedTurn> {
    const { context, events, request, progress } = this.parts;
    await events.usageReported;
    const refused = ending.end === "interrupted" ? endingOfError(progress.refusal, undefined) : undefined;
    const { outcome, error, isFenced } = await this.#record(
      { ...ending, ...refused, end: ending.end },
      result,
    );
    const { permission_denials: denials } = outcome.response;
    if (denials !== undefined) events.emit({ type: "permission_denied", denials });
    events.emit({ type: "done", response: outcome.response });
    // The node that records the end reports it.
    if (isFenced !== true) context.kernel.notify("afterExecute", request.info, outcome);
    return { outcome, error };
  }

  /** Repeats a write to the ledger until it succeeds, or until the gateway gives up. */
  untilWritten<T>(write: () => Promise<T>): Promise<T> {
    const { context, request } = this.parts;
    return untilWritten(write, this.giveUp, context.log.child({ turn_id: request.info.id }));
  }

  async #endingOfResult(result: EngineResult): Promise<Ending> {
    const { plan, stopped } = this.parts.progress;
    const ending = endingOfResult(result, stopped);
    const schema = plan.options?.outputSchema;
    if (ending.end !== "completed" || schema === undefined || result.calls !== undefined) return ending;
    const problem = await outputProblem(schema, result.structuredOutput);
    return problem === undefined
      ? ending
      : { ...ending, end: "failed", message: problem, failure: { code: "OUTPUT_INVALID" } };
  }

  async #record(ending: Ending, result: EngineResult | undefined): Promise<RecordedTurn> {
    const { context, progress, recorder, request } = this.parts;
    try {
      const { ours, priced, lost } = await this.untilWritten(async () => {
        if (progress.calls !== undefined) {
          // Requests of subagents that keep running in the background stay pending.
          const waiting = progress.calls.askedBy(result?.agents ?? []);
          await context.approvalService.withdrawAll(request.info.id, waiting);
        }
        const priced = await recorder.priced(result ?? { usage: NO_USAGE });
        const lost = await this.#lostBefore(result);
        return { ours: this.#outcomeOf(ending, result, priced, lost), priced, lost };
      });
      // The same end at each try, so that it is known again if only the ledger's answer was lost.
      const outcome = await this.untilWritten(() => recorder.end(ours, request.continues && priced));
      recorder.reportedLost(lost);
      return { outcome, error: outcome === ours ? ending.error : undefined };
    } catch (error) {
      // An answer that could not be recorded is not sent: clients rely on every answer being in the ledger.
      const ending = this.#unrecorded(error, result);
      const outcome = this.#outcomeOf(ending, result && { ...result, text: "" }, result?.usage ?? NO_USAGE);
      return { outcome, error: ending.error, isFenced: error instanceof FencedError };
    }
  }

  /** The ending of a turn whose end, or wait, can't be recorded. */
  #unrecorded(error: unknown, result: EngineResult | undefined): Ending {
    return this.#ifItRan(endingOfError(error, undefined) ?? this.#defect(error), result);
  }

  /**
   * A turn that ran, perhaps before it waited, was not refused: its Idempotency-Key would be given back, so that the same request
   * would run again, and its folder would be removed.
   */
  #ifItRan(ending: Ending, result?: EngineResult): Ending {
    const ran = result !== undefined || this.parts.request.continues !== undefined;
    return ran && ending.end === "refused" ? { ...ending, end: "failed" } : ending;
  }

  /** Lost background work that this answer must report: only a prompt's answer does, and only if the engine ran. */
  async #lostBefore(result: EngineResult | undefined): Promise<readonly LostTask[]> {
    const { recorder, request } = this.parts;
    return result === undefined || request.background !== undefined ? [] : recorder.lost();
  }

  /** Answers the caller for now; the turn goes on when its call is decided. */
  async #parkForDecision(result: EngineResult): Promise<FinishedTurn> {
    const pending = this.parts.progress.calls?.parking;
    if (pending === undefined || pending.toolUseId !== result.deferred) {
      const message = `the CLI kept a call without a pending approval: ${result.deferred}`;
      return this.finish({ end: "failed", message, error: undefined }, result);
    }
    const { id: approvalId, toolUseId } = pending;
    return this.#park(result, { ...PARKED, end: "interrupted" }, { approvalId, toolUseId }, (response) =>
      parkedResponse(response, pending),
    );
  }

  /** Reserves a place among the turns that wait for a usage limit; undefined if the turn does not wait. */
  #limitToWaitFor({ end, failure }: EngineResult): ParkedLimit | undefined {
    const { context, progress, request } = this.parts;
    if (end !== "failed" || progress.stopped !== undefined) return undefined;
    const before = request.continues?.parked.limit;
    const limit = toWaitFor(failure, progress.plan.limitWait, progress.environment, before);
    return limit !== undefined && context.limitWaits.reserve(request.info) ? limit : undefined;
  }

  /** Answers the caller for now; the turn goes on when the limit is lifted. */
  async #parkForLimit(limit: ParkedLimit, result: EngineResult): Promise<FinishedTurn> {
    const { context, request } = this.parts;
    const answer = (response: TurnResponse) => ({ ...response, parked: true });
    const onFailure = () => context.limitWaits.release(request.info.id);
    return this.#park(result, await this.#endingOfResult(result), { limit }, answer, onFailure);
  }

  /** Records the turn as parked before any event is sent. It stays open in the ledger. */
  async #park(
    result: EngineResult,
    ending: Ending,
    waitsFor: ParkedForDecision | ParkedForLimit,
    answer: (response: TurnResponse) => TurnResponse,
    onFailure: () => void = () => undefined,
  ): Promise<FinishedTurn> {
    const { events, progress, recorder, request } = this.parts;
    await events.usageReported;
    try {
      const usage = await this.untilWritten(() => recorder.priced(result));
      const before = this.#outcomeOf(ending, result, usage);
      const outcome = { ...before, response: answer(before.response) };
      const last = partingEvents(outcome.response);
      const stream = { text: events.stream.text, lastId: events.stream.lastId + last.length };
      const timeLeftMs = progress.slot?.timeLeftMs ?? 0;
      const granted = request.granted?.filter(({ toolUseId }) => !result.ran.includes(toolUseId));
      const parked = { ...waitsFor, ...toKeep(progress.plan, timeLeftMs, outcome), granted, stream };
      await this.untilWritten(() => recorder.park({ parked, usage, model: outcome.model }));
      for (const event of last) events.emit(event);
      return { outcome: { ...outcome, end: "parked" }, error: undefined };
    } catch (error) {
      onFailure();
      return this.finish(this.#unrecorded(error, result), result);
    }
  }

  /**
   * A resumed turn whose decision has not reached the CLI stays parked at shutdown, for the next start to resume, when its node
   * may not work any more, or its session has gone to another one, and when the ledger failed.
   */
  #stayParked(error?: unknown): FinishedTurn | undefined {
    const { context, events, progress, recorder, request } = this.parts;
    const { continues } = request;
    const isGone = error instanceof FencedError || error instanceof Elsewhere;
    const isAway = progress.stopped === undefined && error instanceof LedgerError && error.mayPass;
    const mayStay = context.closing.aborted || progress.stopped === "fenced" || isGone || isAway;
    if (continues === undefined || recorder.unparked || !mayStay) return undefined;
    if (isAway) context.log.warn({ err: error, turn_id: request.info.id }, "a turn stays parked for now");
    const outcome = answerSoFar(continues);
    events.emit({ type: "done", response: outcome.response });
    return { outcome, error: undefined };
  }

  /** @param used usage since the turn was last parked, or since it began; earlier usage is added here */
  #outcomeOf(
    ending: Ending,
    result: EngineResult | undefined,
    used: TurnUsage,
    lost: readonly LostTask[] = [],
  ): TurnOutcome {
    const { progress, request } = this.parts;
    const { continues } = request;
    return toOutcome(request, {
      plan: progress.plan,
      ending,
      result,
      usage: continues === undefined ? used : addUsage(continues.usage, used),
      closed: progress.calls?.closed,
      ranMs: progress.slot?.ranMs ?? 0,
      waitedMs: progress.waitedMs + (progress.slot?.queuedMs ?? 0),
      workdirRecreated: progress.workdirRecreated,
      lost: [...lost, ...(result?.lost ?? [])],
      accounts: progress.accounts,
    });
  }

  #defect(error: unknown): Ending {
    const { context, request } = this.parts;
    const { id } = request.info;
    context.log.error({ err: error, turn_id: id }, "a turn failed with an internal error");
    const message = `internal error; quote ${id}`;
    return {
      end: "failed",
      message,
      error: new GatewayError("INTERNAL_ERROR", message, { details: { id } }),
    };
  }
}

/** The events with which a turn that parks answers its caller. */
function partingEvents(response: TurnResponse): readonly TurnEvent[] {
  const done: TurnEvent = { type: "done", response };
  if (response.pending_approval === undefined) return [done];
  return [{ type: "permission_denied", denials: response.permission_denials ?? [] }, done];
}
