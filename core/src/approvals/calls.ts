import { QUESTION_TOOL, questionsOf } from "@claudeway/conversations";
import type { Kernel } from "@claudeway/kernel";
import type {
  Approval,
  AskedCall,
  AskTerms,
  CallAnswer,
  CallDecider,
  GrantedCall,
  ToolCall,
  TurnEvent,
  TurnInfo,
} from "@claudeway/ports";
import type { Logger } from "pino";
import type { ApprovalService } from "./approval-service.js";
import { keyMayDecide } from "./deciding.js";
import { isSameCall, refusalOf, verdictOf } from "./verdict.js";

export interface TurnCallsOptions {
  readonly turn: TurnInfo;
  readonly workdir: string;
  /** The request that the turn was parked for, now settled. */
  readonly parkedApproval: Approval | undefined;
  /** Denied calls that the key approved afterwards; see `POST /session/:id/approve`. */
  readonly granted: readonly GrantedCall[];
  readonly approvalService: ApprovalService;
  readonly kernel: Kernel;
  readonly log: Logger;
  readonly emit: (event: TurnEvent) => void;
  /**
   * Set where no plugin decides the turn's calls: only questions come here, and the turn's time goes on. How long they
   * wait at most, in seconds.
   */
  readonly questionsWaitSecs?: number | undefined;
  /** The turn's slot in the queue, suspended while a person is asked. */
  readonly slot: { suspend(): void; resume(): Promise<void>; leave(): void };
  /** Records that the decision on the parked call goes to the CLI, which waits until `gone`. Each try begins with `check`. */
  readonly deliver: (gone: AbortSignal, check: () => Promise<void>) => Promise<void>;
  /** Aborted when the gateway closes: calls that can be parked then park at once. */
  readonly closing: AbortSignal;
}

const DEFAULT_LIVE_WAIT_SECS = 60;
const DEFAULT_MAX_HOLD_SECS = 600;

const EARLIER =
  "There was no decision on this call in time, so it was not run. " +
  "If you still need it, repeat it as the only tool call of a message, so that it can wait for a decision.";
const HELD_TOO_LONG = "There was no decision on this call in time, so it was not run.";
const EXPIRED = "This call expired without a decision, so it was not run.";
const WITHDRAWN = "This call was withdrawn, so it was not run.";
const TOO_LARGE = "This call is too large for a person to decide on, so it was not run.";
/** Of a call as JSON: lists have up to 1,000 of them. No model writes that much at once. */
const MAX_CALL_CHARS = 1024 * 1024;
const BROKEN = "The gateway could not get a decision on this call, so it was not run.";

/** Decides the tool calls of one turn by the plugins' rules, or by a person: first live, then parked. */
export class TurnCalls implements CallDecider {
  #parking: Approval | undefined;
  #delivered = false;
  readonly #granted: GrantedCall[];
  /** `toolUseId`s of calls that a rule denied, or that someone other than the key must decide. */
  readonly #closed = new Set<string>();
  /** The calls that a person is or is about to be asked about, by `toolUseId`, each with the subagent that made it. */
  readonly #waiting = new Map<string, string | undefined>();

  constructor(private readonly options: TurnCallsOptions) {
    this.#granted = [...options.granted];
  }

  /** The request whose call the CLI keeps; the turn parks for it. */
  get parking(): Approval | undefined {
    return this.#parking;
  }

  /** The `toolUseId`s of the calls that the key may not approve afterwards. */
  get closed(): ReadonlySet<string> {
    return this.#closed;
  }

  /** The `toolUseId`s of the calls of these subagents that a person is asked about. */
  askedBy(agents: readonly string[]): ReadonlySet<string> {
    const waiting = [...this.#waiting].filter(([, agent]) => agent !== undefined && agents.includes(agent));
    return new Set(waiting.map(([id]) => id));
  }

  async decide(call: AskedCall): Promise<CallAnswer> {
    const { parkedApproval, log, turn } = this.options;
    try {
      if (parkedApproval?.toolUseId === call.toolUseId && !this.#delivered)
        return await this.#deliver(call, parkedApproval);
      return await this.#answer(call);
    } catch (error) {
      log.error({ err: error, turn_id: turn.id }, "a tool call could not be decided");
      this.#closed.add(call.toolUseId);
      return { answer: "deny", message: BROKEN };
    }
  }

  async #deliver(asked: AskedCall, decided: Approval): Promise<CallAnswer> {
    this.#delivered = true;
    if (!keyMayDecide(decided.deciders)) this.#closed.add(asked.toolUseId);
    let answer = answerOf(decided);
    await this.options.deliver(asked.signal, async () => {
      answer = await this.#unlessRefused(asked, answer);
    });
    this.options.emit({ type: "permission_resolved", approval: decided });
    return answer;
  }

  /**
   * Asks the plugins again before an allowed call runs. Since the person was asked, a path may have become a link to
   * somewhere else, or a rule may have been added. A deny now overrides the earlier decision.
   */
  async #unlessRefused(asked: AskedCall, answer: CallAnswer): Promise<CallAnswer> {
    if (answer.answer !== "allow") return answer;
    const { kernel, turn, log, workdir } = this.options;
    const { toolUseId, tool, cwd, agentId, input } = asked;
    const call = { toolUseId, tool, input: answer.input ?? input, workdir, cwd, agentId };
    const message = await refusalOf(kernel, call, turn, log);
    if (message === undefined) return answer;
    this.#closed.add(toolUseId);
    log.warn(
      { turn_id: turn.id, tool, tool_use_id: toolUseId },
      `an allowed call is denied after all: ${message}`,
    );
    return { answer: "deny", message };
  }

  async #answer(asked: AskedCall): Promise<CallAnswer> {
    const { kernel, turn, log, approvalService, workdir } = this.options;
    const { toolUseId, tool, input, cwd, agentId } = asked;
    const call = { toolUseId, tool, input, workdir, cwd, agentId };
    const { questionsWaitSecs: secs } = this.options;
    if (secs !== undefined) return this.#ask(asked, call, { maxHoldSecs: secs, expiresSecs: secs });
    const verdict = await verdictOf(kernel, call, turn, log);
    if (verdict.verdict === "deny") {
      this.#closed.add(toolUseId);
      return { answer: "deny", message: verdict.message };
    }
    // Only a person can answer a question, even if a rule allows the call.
    const isQuestion = tool === QUESTION_TOOL;
    if (verdict.verdict === "allow" && !isQuestion) return { answer: "allow" };
    const terms: AskTerms = verdict.verdict === "ask" ? verdict : {};
    if (
      !isQuestion &&
      (this.#takeGranted(call, terms) || (await approvalService.isGranted(turn.sessionId, call)))
    ) {
      return { answer: "allow" };
    }
    return this.#ask(asked, call, terms);
  }

  /** Whether the key approved this call afterwards, in its directory, and may decide it at all. Each approval is used once. */
  #takeGranted(call: ToolCall, { deciders }: AskTerms): boolean {
    if (!keyMayDecide(deciders)) return false;
    const { cwd, workdir } = call;
    const index = this.#granted.findIndex((one) => (one.cwd ?? workdir) === cwd && isSameCall(one, call));
    return index !== -1 && this.#granted.splice(index, 1).length > 0;
  }

  async #ask(asked: AskedCall, call: ToolCall, terms: AskTerms): Promise<CallAnswer> {
    const { approvalService, turn, emit, slot } = this.options;
    const isTooLarge = JSON.stringify(call).length > MAX_CALL_CHARS;
    if (isTooLarge || !keyMayDecide(terms.deciders)) this.#closed.add(call.toolUseId);
    if (isTooLarge) return { answer: "deny", message: TOO_LARGE };
    // Before the request is there: the turn may end meanwhile, and withdraws all others.
    this.#waiting.set(call.toolUseId, asked.agentId);
    const { approval, settled } = await approvalService.ask(call, turn, terms).catch((error: unknown) => {
      this.#waiting.delete(call.toolUseId);
      throw error;
    });
    const isAskMode = this.options.questionsWaitSecs === undefined;
    if (isAskMode) emit({ type: "permission_request", approval });
    if (approval.kind === "question") {
      const { id: approval_id, toolUseId: id, input } = approval;
      emit({ type: "question", data: { id, approval_id, questions: questionsOf(input) } });
    }
    slot.suspend();
    const outcome = await this.#wait(asked, approval, settled, terms)
      .catch(async (error: unknown) => {
        await slot.resume();
        throw error;
      })
      .finally(() => this.#waiting.delete(call.toolUseId));
    if (outcome === "park") {
      this.#parking = approval;
      approvalService.stopWaiting(approval.id);
      slot.leave();
      return { answer: "defer" };
    }
    if (isAskMode) emit({ type: "permission_resolved", approval: outcome.approval });
    await slot.resume();
    // The turn may have been ended while it waited for its slot.
    if (asked.signal.aborted) return { answer: "deny", message: WITHDRAWN };
    return this.#unlessRefused(asked, answerOf(outcome.approval, outcome.late));
  }

  /** Waits live first. After that, the last call of a message parks, and any other call is denied. */
  async #wait(
    asked: AskedCall,
    { id }: Approval,
    settled: Promise<Approval>,
    { liveWaitSecs = DEFAULT_LIVE_WAIT_SECS, maxHoldSecs = DEFAULT_MAX_HOLD_SECS }: AskTerms,
  ): Promise<Waited> {
    const { approvalService, closing } = this.options;
    const isHeld = asked.held ?? asked.agentId !== undefined;
    const wait = new Wait(asked.signal);
    try {
      const live = isHeld
        ? wait.within(maxHoldSecs * 1000, settled)
        : wait.within(liveWaitSecs * 1000, settled, closing);
      const decided = await live;
      if (decided === "gone") return { approval: await approvalService.withdraw(id) };
      if (decided !== "late") return { approval: decided };
      if (isHeld) return { approval: await approvalService.expire(id), late: HELD_TOO_LONG };
      const place = await Promise.race([settled, wait.gone, asked.untilLast()]);
      if (place === "gone") return { approval: await approvalService.withdraw(id) };
      if (place === false) return { approval: await approvalService.expire(id), late: EARLIER };
      return place === true ? "park" : { approval: place };
    } finally {
      wait.end();
    }
  }
}

type Waited = "park" | { readonly approval: Approval; readonly late?: string };

/** Waits for a decision until the CLI no longer needs it. */
class Wait {
  readonly gone: Promise<"gone">;
  readonly #ended = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(signal: AbortSignal) {
    this.gone = new Promise((resolve) => {
      const leave = () => resolve("gone");
      if (signal.aborted) leave();
      signal.addEventListener("abort", leave, { once: true, signal: this.#ended.signal });
    });
  }

  /** The decision, or "late" after `ms` or when `cut` aborts. */
  within(ms: number, settled: Promise<Approval>, cut?: AbortSignal): Promise<Approval | "late" | "gone"> {
    const late = new Promise<"late">((resolve) => {
      this.#timer = setTimeout(() => resolve("late"), ms);
      if (cut?.aborted) resolve("late");
      cut?.addEventListener("abort", () => resolve("late"), { once: true, signal: this.#ended.signal });
    });
    return Promise.race([settled, late, this.gone]);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#ended.abort();
  }
}

/** The answer to the CLI for a settled request. `late` is the message if no decision came in time. */
function answerOf({ status, decision }: Approval, late = EXPIRED): CallAnswer {
  switch (status) {
    case "allowed":
      return { answer: "allow", ...(decision?.updatedInput && { input: decision.updatedInput }) };
    case "denied":
      return { answer: "deny", message: decision?.message ?? "The user denied this call." };
    case "expired":
      return { answer: "deny", message: late };
    default:
      return { answer: "deny", message: WITHDRAWN };
  }
}
