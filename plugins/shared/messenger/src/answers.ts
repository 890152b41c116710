import type { Approval, Approvals, LedgerView, PluginScope, TurnHandle, TurnRunner } from "@claudeway/core";
import { attempt } from "./background.js";
import { GrowingAnswer, type Pace } from "./growing-answer.js";
import type { Messenger } from "./messenger.js";
import { ParkedNotices } from "./parked-notices.js";
import { Progress } from "./progress.js";
import type { SessionFiles } from "./session-files.js";
import { italic, plain } from "./spans.js";
import type { State } from "./state.js";
import type { Say } from "./texts.js";
import type { ShownTurn, TurnResponse } from "./turn-shown.js";

export interface AnswersOptions {
  readonly messenger: Messenger;
  readonly state: State;
  readonly say: Say;
  readonly pace: Pace;
  readonly turns: TurnRunner;
  readonly ledger: Pick<LedgerView, "response">;
  readonly approvalService: Pick<Approvals, "get">;
  readonly scope: Pick<PluginScope, "log" | "signal">;
  readonly files: SessionFiles;
  /** Called when the answer of a turn with denied calls is shown. */
  readonly denied: (turn: Omit<ShownTurn, "messageId">, response: TurnResponse) => void;
}

/** A messenger shows for about five seconds that somebody is typing. */
const TYPING_MS = 4500;

/** Shows answers in the chat: while they grow, after parking, and those that came while the gateway was down. */
export class Answers {
  /** Turns whose answer is being shown. */
  readonly #shown = new Set<string>();

  readonly #notices: ParkedNotices;

  constructor(private readonly options: AnswersOptions) {
    this.#notices = new ParkedNotices(options);
  }

  /** Whether this turn's answer is being shown. */
  shows(turnId: string): boolean {
    return this.#shown.has(turnId);
  }

  /** Shows the turn's answer when it ends, even if the gateway restarts in between. */
  expect({ turnId, key, messageId }: ShownTurn): void {
    this.options.state.setParked(turnId, { turnId, key, messageId });
  }

  /** Shows the text of a running turn until it ends. Rejects only when the plugin is switched off. */
  async follow(handle: TurnHandle, turn: ShownTurn): Promise<void> {
    const { scope, state } = this.options;
    const answer = this.#growing(turn, turn.messageId);
    const stop = () => answer.stop();
    scope.signal.addEventListener("abort", stop, { once: true });
    this.#shown.add(turn.turnId);
    const stopTyping = this.#type(turn.key);
    try {
      const progress = new Progress();
      const soFar = await this.#read(handle, answer, progress);
      const response = await untilAborted(handle.answer, scope.signal);
      stopTyping();
      await this.#finish(answer, withAll(response, soFar), turn);
      const { sessionId, key, messageId: replyTo } = turn;
      await this.options.files.sendNamed(progress.written, response.result, { sessionId, key, replyTo });
    } finally {
      stopTyping();
      scope.signal.removeEventListener("abort", stop);
      this.#shown.delete(turn.turnId);
      answer.stop();
      await state.saved();
    }
    // It may have been decided and have ended while its parking was shown.
    await this.#catchUpWith(turn);
  }

  /** Shows the answer of a turn that has ended, or waits for a decision, unless it is being shown. */
  show(response: TurnResponse, turn: ShownTurn): Promise<void> {
    return this.#once(turn, () => this.#show(response, turn));
  }

  async #once(turn: Omit<ShownTurn, "key" | "messageId">, show: () => Promise<void>): Promise<void> {
    if (this.#shown.has(turn.turnId)) return;
    this.#shown.add(turn.turnId);
    try {
      await show();
    } finally {
      this.#shown.delete(turn.turnId);
    }
    // If it was shown that it is parked, it may have been decided and have ended meanwhile.
    await this.#catchUpWith(turn);
  }

  async #show(response: TurnResponse, turn: ShownTurn): Promise<void> {
    const { pending_approval: pending } = response;
    // A gateway that was killed had shown it before.
    if (pending !== undefined && this.#notices.isPosted(turn.turnId, pending.id))
      return this.#notices.settle(turn.turnId);
    await this.#finish(this.#growing(turn, turn.messageId), response, turn);
  }

  /** Shows what Claude says by itself, after background work has ended. */
  async showUnprompted(response: TurnResponse, turn: Omit<ShownTurn, "messageId">): Promise<void> {
    const { state } = this.options;
    await this.#finish(this.#growing(turn, state.lastOf(turn.key)), response, turn);
  }

  /** What a parked turn waits for was decided, here or elsewhere. */
  decided(approval: Approval): Promise<void> {
    return this.#notices.decided(approval);
  }

  /** A parked turn has ended, or is parked again. False if it does not belong to this chat. */
  async goneOn(
    turn: Pick<ShownTurn, "turnId" | "sessionId" | "keyId">,
    response: TurnResponse,
  ): Promise<boolean> {
    const parked = this.options.state.parked(turn.turnId);
    if (parked === undefined) return false;
    await this.#once(turn, async () => {
      await this.#notices.settle(turn.turnId);
      await this.#show(response, { ...turn, key: parked.key, messageId: parked.messageId });
    });
    return true;
  }

  /** After a start: shows decisions that were made, and parked turns that ended, while the plugin was off. */
  async catchUp(): Promise<void> {
    for (const { turnId } of this.options.state.allParked) {
      await attempt(this.options.scope, "showing the end of a parked turn", () =>
        this.#catchUpWith({ turnId, sessionId: "", keyId: "" }),
      );
    }
  }

  async #catchUpWith(turn: Pick<ShownTurn, "turnId" | "sessionId" | "keyId">): Promise<void> {
    if (this.options.state.parked(turn.turnId) === undefined) return;
    await this.#notices.settle(turn.turnId);
    const response = await this.options.ledger.response(turn.turnId);
    if (response === undefined || response.pending_approval !== undefined) return;
    await this.goneOn({ ...turn, sessionId: response.session_id }, response);
  }

  /** Returns a function that ends it. */
  #type(key: string): () => void {
    const { messenger } = this.options;
    const show = () => {
      if (messenger.pausedMs === 0) messenger.typing?.(key).catch(() => undefined);
    };
    show();
    const timer = setInterval(show, TYPING_MS);
    return () => clearInterval(timer);
  }

  #growing(turn: Pick<ShownTurn, "key">, replyTo: string | undefined): GrowingAnswer {
    const { messenger, state, say, pace, scope } = this.options;
    return new GrowingAnswer({
      messenger,
      place: { key: turn.key, replyTo },
      pace,
      scope,
      say,
      sent: (messageId) => state.link(messageId, turn.key),
    });
  }

  /** Resolves to all of the text. */
  async #read(handle: TurnHandle, answer: GrowingAnswer, progress: Progress): Promise<string> {
    const { scope, say } = this.options;
    const frames = handle.read({ mode: "text" })[Symbol.asyncIterator]();
    let soFar = "";
    for (;;) {
      const { value: frame, done } = await untilAborted(frames.next(), scope.signal);
      if (done === true || frame?.event === "done") return soFar;
      if (frame?.event === "text" && typeof frame.data === "string") {
        soFar = frame.data;
        progress.writes();
        answer.show(soFar);
      } else if (frame?.event === "tool_call") {
        progress.calls(frame.data);
        answer.show([soFar, progress.line].filter(Boolean).join("\n\n"));
      } else if (frame?.event === "queued")
        answer.show(`_${say("queued", { position: positionOf(frame.data) })}_`);
    }
  }

  /** `turn` has no `messageId` if it had no prompt; such a turn is never parked. */
  async #finish(
    answer: GrowingAnswer,
    response: TurnResponse,
    turn: Omit<ShownTurn, "messageId"> & Partial<ShownTurn>,
  ): Promise<void> {
    const { state, scope, denied } = this.options;
    const { turnId, key, messageId } = turn;
    const pending = response.pending_approval;
    if (pending !== undefined && messageId !== undefined) {
      state.setParked(turnId, { turnId, key, messageId });
      // Before anybody sees that it waits, and decides: the answer is to come here also after a kill.
      await state.saved();
    }
    try {
      await answer.finish(this.#textOf(response));
      if (pending !== undefined)
        await this.#notices.posted(turnId, pending.id, await this.#parkedNotice(answer, response, key));
    } catch (error) {
      if (scope.signal.aborted) throw error;
      scope.log.warn({ err: error, turn_id: turnId }, "could not show an answer");
    }
    if (pending !== undefined) return;
    // Forget it only now: a gateway that dies before this shows it after its next start.
    state.setParked(turnId, undefined);
    if ((response.permission_denials?.length ?? 0) > 0) {
      denied(turn, response);
    }
  }

  /** The message that says that the turn waits: the answer itself, or one below what was said so far. */
  async #parkedNotice(answer: GrowingAnswer, { result }: TurnResponse, key: string): Promise<string> {
    const { messenger, state, say } = this.options;
    if (result.trim() === "" && answer.lastId !== undefined) return answer.lastId;
    const text = [plain("⏸ "), italic(say("parked"))];
    const messageId = await messenger.send({ key, replyTo: answer.lastId }, { spans: text });
    state.link(messageId, key);
    return messageId;
  }

  #textOf({ result, success, error, code, pending_approval: pending }: TurnResponse): string {
    const { say, messenger } = this.options;
    // The gateway's own words are for programs: they name a field of a request.
    if (code === "CONVERSATION_LOST")
      return `⚠️ ${say("conversationLost", { command: `${messenger.commandPrefix}new` })}`;
    if (pending !== undefined) return result.trim() === "" ? `⏸ _${say("parked")}_` : result;
    if (!success)
      return [result, `⚠️ ${say("failed", { reason: error ?? "?" })}`].filter(Boolean).join("\n\n");
    return result.trim() === "" ? say("noText") : result;
  }
}

/** The result is only the last text of a turn; text before tool calls stays in the chat. */
function withAll(response: TurnResponse, soFar: string): TurnResponse {
  return soFar.includes(response.result) ? { ...response, result: soFar } : response;
}

function positionOf(data: unknown): number {
  return typeof data === "object" && data !== null && "position" in data ? Number(data.position) : 0;
}

/** Rejects as soon as the signal is aborted, without waiting for the promise. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
