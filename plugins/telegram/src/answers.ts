import type { LedgerView, PluginScope, TurnHandle, TurnOutcome, TurnRunner } from "@claudeway/core";
import type { Chat } from "./chat.js";
import { GrowingAnswer } from "./edits.js";
import { placeOf } from "./places.js";
import type { State } from "./state.js";
import type { Say } from "./texts.js";

export type TurnResponse = TurnOutcome["response"];

export interface AnswersOptions {
  readonly chat: Chat;
  readonly state: State;
  readonly say: Say;
  readonly intervalMs: number;
  readonly turns: TurnRunner;
  readonly ledger: Pick<LedgerView, "response">;
  readonly scope: Pick<PluginScope, "log" | "signal">;
  /** An answer is shown whose turn was denied calls. */
  readonly denied: (turn: Omit<ShownTurn, "messageId">, response: TurnResponse) => void;
}

/** A turn whose answer belongs in this chat. */
export interface ShownTurn {
  readonly turnId: string;
  readonly sessionId: string;
  readonly keyId: string;
  /** The conversation. */
  readonly key: string;
  /** The message that asked. */
  readonly messageId: number;
}

/** Shows turns' answers in the chat: growing ones, parked ones, and those that came while the gateway was away. */
export class Answers {
  /** Turns whose answer is being shown. */
  readonly #shown = new Set<string>();

  constructor(private readonly options: AnswersOptions) {}

  /** Whether this turn's answer is being shown, to its end. */
  shows(turnId: string): boolean {
    return this.#shown.has(turnId);
  }

  /** Has the turn's answer shown when it ends, also if the gateway goes away before. */
  expect({ turnId, key, messageId }: ShownTurn): void {
    this.options.state.setParked(turnId, { turnId, key, messageId });
  }

  /** Shows a running turn as it grows, to its end. Rejects only when the plugin is switched off. */
  async follow(handle: TurnHandle, turn: ShownTurn): Promise<void> {
    const { scope, state } = this.options;
    const answer = this.#growing(turn, turn.messageId);
    const stop = () => answer.stop();
    scope.signal.addEventListener("abort", stop, { once: true });
    this.#shown.add(turn.turnId);
    try {
      const told = await this.#read(handle, answer);
      const response = await untilAborted(handle.answer, scope.signal);
      await this.#finish(answer, withAll(response, told), turn);
    } finally {
      scope.signal.removeEventListener("abort", stop);
      this.#shown.delete(turn.turnId);
      answer.stop();
      await state.saved();
    }
    // While its parking was shown, it may have been decided, and be over.
    await this.#catchUpWith(turn);
  }

  /** Shows the answer of a turn that has ended. */
  async show(response: TurnResponse, turn: ShownTurn): Promise<void> {
    await this.#finish(this.#growing(turn, turn.messageId), response, turn);
  }

  /** What Claude says of its own accord, when something in the background has ended. */
  async tell(response: TurnResponse, turn: Omit<ShownTurn, "messageId">): Promise<void> {
    const { state } = this.options;
    await this.#finish(this.#growing(turn, state.lastOf(turn.key)), response, turn);
  }

  /** A turn that was parked has ended, or is parked again. False: it is none of ours. */
  async goneOn(
    turn: Pick<ShownTurn, "turnId" | "sessionId" | "keyId">,
    response: TurnResponse,
  ): Promise<boolean> {
    const parked = this.options.state.parked(turn.turnId);
    if (parked === undefined) return false;
    if (this.#shown.has(turn.turnId)) return true;
    this.#shown.add(turn.turnId);
    try {
      await this.show(response, { ...turn, key: parked.key, messageId: parked.messageId });
    } finally {
      this.#shown.delete(turn.turnId);
    }
    return true;
  }

  /** After a start: parked turns that ended while nobody was here to tell. */
  async catchUp(): Promise<void> {
    for (const { turnId } of this.options.state.allParked) {
      await this.#catchUpWith({ turnId, sessionId: "", keyId: "" });
    }
  }

  async #catchUpWith(turn: Pick<ShownTurn, "turnId" | "sessionId" | "keyId">): Promise<void> {
    if (this.options.state.parked(turn.turnId) === undefined) return;
    const response = await this.options.ledger.response(turn.turnId);
    if (response === undefined || response.pending_approval !== undefined) return;
    await this.goneOn({ ...turn, sessionId: response.session_id }, response);
  }

  #growing(turn: Pick<ShownTurn, "key">, replyTo: number | undefined): GrowingAnswer {
    const { chat, state, say, intervalMs, scope } = this.options;
    return new GrowingAnswer({
      chat,
      place: placeOf(turn.key, replyTo),
      intervalMs,
      scope,
      fileCaption: say("restOfAnswer"),
      sent: (messageId) => state.link(messageId, turn.key),
    });
  }

  /** Resolves to all the text that came. */
  async #read(handle: TurnHandle, answer: GrowingAnswer): Promise<string> {
    const { scope, say } = this.options;
    const frames = handle.read({ mode: "text" })[Symbol.asyncIterator]();
    let told = "";
    for (;;) {
      const { value: frame, done } = await untilAborted(frames.next(), scope.signal);
      if (done === true || frame?.event === "done") return told;
      if (frame?.event === "text" && typeof frame.data === "string") {
        told = frame.data;
        answer.show(told);
      } else if (frame?.event === "queued")
        answer.show(`_${say("queued", { position: positionOf(frame.data) })}_`);
    }
  }

  /** `turn` has no `messageId` where nobody asked; such a turn is never parked. */
  async #finish(
    answer: GrowingAnswer,
    response: TurnResponse,
    turn: Omit<ShownTurn, "messageId"> & Partial<ShownTurn>,
  ): Promise<void> {
    const { state, scope, denied } = this.options;
    const { turnId, key, messageId } = turn;
    if (response.pending_approval !== undefined && messageId !== undefined)
      state.setParked(turnId, { turnId, key, messageId });
    try {
      await answer.finish(this.#textOf(response));
    } catch (error) {
      if (scope.signal.aborted) throw error;
      scope.log.warn({ err: error, turn_id: turnId }, "an answer could not be shown");
    }
    if (response.pending_approval !== undefined) return;
    // Forgotten only now: a gateway that died before would show it after its next start.
    state.setParked(turnId, undefined);
    if ((response.permission_denials?.length ?? 0) > 0) {
      denied(turn, response);
    }
  }

  #textOf({ result, success, error, pending_approval: pending }: TurnResponse): string {
    const { say } = this.options;
    if (pending !== undefined) return [result, `⏸ _${say("parked")}_`].filter(Boolean).join("\n\n");
    if (!success)
      return [result, `⚠️ ${say("failed", { reason: error ?? "?" })}`].filter(Boolean).join("\n\n");
    return result.trim() === "" ? say("noText") : result;
  }
}

/** A result is the last of a turn's texts only; what was said before its tool calls stays in the chat. */
function withAll(response: TurnResponse, told: string): TurnResponse {
  return told.includes(response.result) ? { ...response, result: told } : response;
}

function positionOf(data: unknown): number {
  return typeof data === "object" && data !== null && "position" in data ? Number(data.position) : 0;
}

/** Rejects as soon as the signal is aborted, whatever becomes of the promise. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
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
