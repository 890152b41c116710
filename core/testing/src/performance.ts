import { randomUUID } from "node:crypto";
import { setImmediate as nextRound } from "node:timers/promises";
import { isSameCall } from "@claudeway/core/host";
import { reportedUsage } from "@claudeway/engine-claude";
import type {
  CallAnswer,
  EngineEvent,
  EngineListener,
  EngineResult,
  EngineTurn,
  Failure,
  GrantedCall,
  TurnUsage,
} from "@claudeway/ports";
import type { PermissionDenial } from "@claudeway/schemas";
import type { CallOutcome, ScriptedUsage, Step, Steps } from "./script.js";

const STOPPED = Symbol("stopped");
const NEEDS_PERMISSION = "Claude requested permissions to use this tool, but you haven't granted it yet.";

type ToolStep = Extract<Step, { readonly tool: string }>;
type Call = GrantedCall & { readonly agentId: string | undefined };
/** The result of a step: the turn continues or ends. */
type Next =
  | { readonly outcome?: CallOutcome }
  | { readonly end: EngineResult["end"]; readonly error?: string; readonly failure?: Failure };

/** The current state of a performance. */
interface Stage {
  readonly turn: EngineTurn;
  readonly listener: EngineListener;
  readonly stop: AbortSignal;
  readonly granted: GrantedCall[];
  readonly stopped: Promise<typeof STOPPED>;
}

/** A script that is being played. It may stop at a parked tool call and continue later. */
export class Performance {
  readonly #steps:
    | Iterator<Step, unknown, CallOutcome | undefined>
    | AsyncIterator<Step, unknown, CallOutcome | undefined>;
  #text = "";
  #usage: ScriptedUsage = {};
  #denials: PermissionDenial[] = [];
  #ran: string[] = [];
  /** How many calls were made of each tool since the turn began, or resumed. */
  #calls: Record<string, number> = {};
  /** The call that the turn was parked for. */
  #kept: Call | undefined;
  #booked = false;

  private constructor(steps: Steps) {
    this.#steps = Symbol.asyncIterator in steps ? steps[Symbol.asyncIterator]() : steps[Symbol.iterator]();
  }

  static of(steps: string | Steps): Performance {
    return new Performance(typeof steps === "string" ? [steps] : steps);
  }

  /** Plays to the end, to a stop, or to a call that parks. Rejects with errors that the script throws. */
  async goOn(turn: EngineTurn, listener: EngineListener, stop: AbortSignal): Promise<EngineResult> {
    const ended = new AbortController();
    const stopped = new Promise<typeof STOPPED>((resolve) => {
      const leave = () => resolve(STOPPED);
      stop.addEventListener("abort", leave, { once: true, signal: ended.signal });
      if (stop.aborted) leave();
    });
    const stage = { turn, listener, stop, stopped, granted: [...turn.granted] };
    try {
      return await this.#play(stage);
    } finally {
      ended.abort();
    }
  }

  async #play(stage: Stage): Promise<EngineResult> {
    let next: Next = this.#kept === undefined ? {} : await this.#ask(this.#kept, stage);
    while (!("end" in next)) {
      const step = await Promise.race([this.#steps.next(next.outcome), stage.stopped]);
      if (step === STOPPED) next = { end: "stopped" };
      else if (step.done === true) next = { end: "completed" };
      else next = await this.#take(step.value, stage);
    }
    if (next.end === "stopped") void Promise.resolve(this.#steps.return?.()).catch(() => undefined);
    return { ...this.#resultOf(next.end, next.error ?? null, stage), ...failureOf(next) };
  }

  async #take(step: Step, stage: Stage): Promise<Next> {
    if (typeof step === "string") return this.#say(step, stage);
    if ("text" in step) return this.#say(step.text, stage);
    if ("tool" in step) return this.#call(callOf(step), stage);
    if ("wait" in step) return this.#wait(step.wait, stage);
    if ("error" in step) return { end: "failed", ...step };
    this.#usage = step.usage;
    return {};
  }

  /** Emits one word at a time and yields to the event loop in between, like a streaming model. */
  async #say(text: string, { listener, stop, turn }: Stage): Promise<Next> {
    for (const word of text.match(/\s*\S+\s*|\s+/g) ?? []) {
      if (stop.aborted) return { end: "stopped" };
      this.#text += word;
      listener.text(word);
      await nextRound();
    }
    listener.usage({ ...this.#used(turn), estimated: true });
    return {};
  }

  async #wait(wait: number | PromiseLike<unknown> | "for good", { stopped }: Stage): Promise<Next> {
    if (wait === "for good") return (await stopped) && { end: "stopped" };
    let timer: NodeJS.Timeout | undefined;
    const over =
      typeof wait === "number"
        ? new Promise<void>((resolve) => {
            timer = setTimeout(resolve, wait);
          })
        : wait;
    try {
      return (await Promise.race([over, stopped])) === STOPPED ? { end: "stopped" } : {};
    } finally {
      clearTimeout(timer);
    }
  }

  /** Makes a call: reports it, and asks whether it may run. */
  #call(call: Call, stage: Stage): Promise<Next> {
    const { tool, toolUseId: id, input } = call;
    this.#calls[tool] = (this.#calls[tool] ?? 0) + 1;
    report({ type: "tool_call", data: { id, name: tool, input: { ...input } } }, stage);
    return this.#ask(call, stage);
  }

  /** Gets a decision on a call according to the turn's approval mode. */
  async #ask(call: Call, stage: Stage): Promise<Next> {
    const answer = await this.#answerTo(call, stage);
    if (stage.stop.aborted) return { end: "stopped" };
    this.#kept = undefined;
    switch (answer.answer) {
      case "defer":
        this.#kept = call;
        return { end: "parked" };
      case "allow":
        this.#noteGranted(call, stage);
        report(resultOf(call, true, ""), stage);
        return { outcome: { allowed: true, input: answer.input ?? call.input } };
      case "deny": {
        const { toolUseId: tool_use_id, tool: tool_name, input } = call;
        this.#denials.push({ tool_use_id, tool_name, tool_input: { ...input } });
        report(resultOf(call, false, answer.message), stage);
        return { outcome: { allowed: false, message: answer.message } };
      }
    }
  }

  async #answerTo(call: Call, { turn, stop, granted }: Stage): Promise<CallAnswer> {
    const { approvalMode, decider } = turn;
    if (approvalMode === "bypass") return { answer: "allow" };
    if (decider !== undefined) {
      const canPark = call.agentId === undefined;
      return decider.decide({
        ...call,
        cwd: turn.plan.workdir,
        signal: stop,
        untilLast: async () => canPark,
      });
    }
    const isGranted = granted.some((one) => isSameCall(one, call));
    return isGranted ? { answer: "allow" } : { answer: "deny", message: NEEDS_PERMISSION };
  }

  /** An approved call counts as run only once. */
  #noteGranted(call: Call, { granted }: Stage): void {
    const index = granted.findIndex((one) => isSameCall(one, call));
    const [approved] = index === -1 ? [] : granted.splice(index, 1);
    if (approved !== undefined) this.#ran.push(approved.toolUseId);
  }

  /** Usage before the turn was parked is recorded with that part of it. */
  #used({ plan }: EngineTurn): TurnUsage {
    const {
      input = 10,
      output = 5,
      cacheRead = 0,
      cacheWrite = 0,
      costUsd = 0.001,
    } = this.#booked ? ZERO : this.#usage;
    return reportedUsage({ [plan.model]: { input, output, cacheRead, cacheWrite, costUsd } });
  }

  #resultOf(end: EngineResult["end"], error: string | null, { turn }: Stage): EngineResult {
    const result: EngineResult = {
      end,
      deferred: end === "parked" ? this.#kept?.toolUseId : undefined,
      text: this.#text,
      error,
      usage: this.#used(turn),
      denials: this.#denials,
      ran: this.#ran,
      exitCode: 0,
      model: turn.plan.model,
      toolCalls: this.#calls,
    };
    if (end !== "completed") this.#booked = true;
    this.#denials = [];
    this.#ran = [];
    this.#calls = {};
    return result;
  }
}

/** Reports a call or its result where a client or a plugin listens. */
function report(event: EngineEvent, { listener }: Stage): void {
  if (listener.wants("tools")) listener.event(event);
}

/** The result of a call as an event. Nothing is really run, so a call that was allowed has no text. */
function resultOf({ toolUseId: id }: Call, ok: boolean, text: string): EngineEvent {
  return { type: "tool_result", data: { id, ok, text, length: text.length } };
}

function failureOf({ failure }: { readonly failure?: Failure }): Pick<EngineResult, "failure"> {
  return failure === undefined ? {} : { failure };
}

const ZERO: ScriptedUsage = { input: 0, output: 0, costUsd: 0 };

function callOf({ tool, input = {}, id = `toolu_${randomUUID()}`, agentId }: ToolStep): Call {
  return { tool, input, toolUseId: id, agentId };
}
