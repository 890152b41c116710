import {
  type ContentBlock,
  type HistoryBlock,
  type PluginScope,
  Refusal,
  type TurnHandle,
  type TurnResponse,
  type TurnRunner,
} from "@claudeway/core";
import { calledBefore } from "./call-history.js";
import type { ChatRequest } from "./chat-request.js";
import { answerIn, failureOf } from "./failures.js";
import { isFields } from "./fields.js";
import { chainHash, historyHash } from "./messages.js";
import type { ChatPlaces } from "./places.js";
import { withoutReasoning } from "./reasoning.js";
import { type ChatSessionLease, type ChatSessions, codeOf, type SessionOrigin, scopeOf } from "./sessions.js";
import { isSideJob } from "./side-jobs.js";

/** A chat request's turn. */
export interface ChatTurn {
  readonly turnId: string;
  /** `none`: it has no session. */
  readonly origin: SessionOrigin | "none";
}

export type ChatEvent =
  /** The turn began. It comes again if the turn is repeated in another session, but never after text. */
  | { readonly type: "begun"; readonly turn: ChatTurn }
  | { readonly type: "text"; readonly delta: string }
  /** The model's thinking before its answer, if the request asks for it. */
  | { readonly type: "thinking"; readonly delta: string }
  /** Nothing happened for a while: a heartbeat keeps proxies from disconnecting. */
  | { readonly type: "alive" }
  | ChatEnd;

/** The end of an answer. */
export interface ChatEnd {
  readonly type: "end";
  readonly response: TurnResponse;
  /** All of the model's thinking before its answer; "" if the request does not ask for it. */
  readonly thinking: string;
}

export interface TurnParts {
  readonly turns: TurnRunner;
  readonly sessions: ChatSessions;
  readonly places: ChatPlaces;
  readonly log: PluginScope["log"];
  readonly systemPrompt: string;
  readonly timeoutSecs: number;
  /** The model for side jobs of front ends. */
  readonly sideJobModel: string;
}

/** Runs the turns of chat requests. */
export class ChatTurns {
  constructor(private readonly parts: TurnParts) {}

  /**
   * Runs a request's turn, and ends with its answer. Throws a `ChatFailure` if Claude did not answer, or the error that a
   * client of the gateway's own API would get. Aborting `gone` interrupts the turn.
   */
  async *run(request: ChatRequest, gone: AbortSignal): AsyncGenerator<ChatEvent, void> {
    if (isSideJob(request)) return yield* this.#runSideJob(request, gone);
    let lease = await this.parts.sessions.open(request);
    const lost = yield* this.#runIn(lease, request, gone);
    if (lost !== "lost") return;
    // The CLI has lost the conversation, or its calls, but the client has them.
    await this.parts.sessions.end(request.keyId, lease.sessionId);
    lease = await this.parts.sessions.seed(request);
    yield* this.#runIn(lease, request, gone);
  }

  async *#runIn(
    lease: ChatSessionLease,
    request: ChatRequest,
    gone: AbortSignal,
  ): AsyncGenerator<ChatEvent, "lost" | undefined> {
    const { origin } = lease;
    let isReached = false;
    try {
      const handle = await this.#prompt(lease, request);
      if (handle === undefined) return "lost";
      yield { type: "begun", turn: { turnId: handle.id, origin } };
      const { text: streamed, thinking } = yield* follow(handle, gone);
      const response = await answerIn(handle);
      if (response.code === "CONVERSATION_LOST" && canBeLost(origin)) return "lost";
      await this.#refuseParked(request.keyId, response);
      if (!response.success) throw failureOf(response);
      isReached = await this.#reach(lease, handle.id, request, streamed, response);
      yield { type: "end", response, thinking };
      return undefined;
    } catch (error) {
      // None of the calls waits that the request has results of.
      if (canBeLost(origin) && hasResults(request) && codeOf(error) === "CONFLICT") return "lost";
      throw error;
    } finally {
      if (!isReached) this.#leave(lease, request.keyId);
    }
  }

  /** Undefined if a live session is gone, or waits for a person: its key may have used it by its id. */
  async #prompt(
    { sessionId, origin }: ChatSessionLease,
    request: ChatRequest,
  ): Promise<TurnHandle | undefined> {
    try {
      return await this.parts.turns.prompt(request.keyId, sessionId, this.#promptOf(request));
    } catch (error) {
      if (canBeLost(origin) && ["NOT_FOUND", "CONFLICT"].includes(codeOf(error) ?? "")) return undefined;
      throw error;
    }
  }

  /** Notes where the conversation stands, whatever the client makes of the answer: all that was streamed, or its end. */
  async #reach(
    { sessionId }: ChatSessionLease,
    turnId: string,
    request: ChatRequest,
    streamed: string,
    { result, client_calls: calls = [] }: TurnResponse,
  ): Promise<boolean> {
    // The model saw a call in place of this answer, which the client will send as text.
    if (request.schema !== undefined) return false;
    const prompt = historyHash(scopeOf(request), request.messages);
    const texts = new Set(
      [streamed, result].map(withoutReasoning).map((text) => (text.trim() === "" ? "" : text)),
    );
    const called = calls.map(({ id, name, input }) => calledBefore(id, name, input));
    const contents = [...texts]
      .map((text): HistoryBlock[] => [...(text === "" ? [] : [{ type: "text" as const, text }]), ...called])
      .filter((content) => content.length > 0);
    const hashes = contents.map((content) => chainHash(prompt, { role: "assistant", content }));
    if (hashes.length === 0) return false;
    const { places, log } = this.parts;
    try {
      const isNoted = await places.reach({ sessionId, turnId }, hashes);
      if (!isNoted) log.warn("no more conversations can be kept: they are given to new sessions");
      return isNoted;
    } catch (err) {
      // The answer is paid for.
      log.warn(
        { err, session_id: sessionId },
        "a conversation could not be noted: it goes on in a new session",
      );
      return false;
    }
  }

  /** Throws for a turn that waits for a person or a limit: the client can't come back to it, so it is withdrawn. */
  async #refuseParked(keyId: string, { session_id, pending_approval: call, parked }: TurnResponse) {
    if (call === undefined && parked !== true) return;
    await this.parts.turns.interrupt(keyId, session_id);
    if (call === undefined) return;
    const message = `the call of ${call.tool} was not approved in time; approve it while the turn waits, then try again`;
    throw new Refusal(403, message, { code: "APPROVAL_PENDING" });
  }

  /**
   * Gives up a session that is not where the client's conversation is. What a turn that failed has left in it is not what the
   * client goes on from; earlier turns can still be forked. A live session that the turn did not reach, since it was refused,
   * is free again. The next sweep ends what this could not.
   */
  #leave(lease: ChatSessionLease, keyId: string): void {
    const { sessionId, turnId } = lease;
    const { places, sessions, log } = this.parts;
    const leave = async () => {
      if (turnId === undefined) await sessions.end(keyId, sessionId);
      else if (await sessions.isAt({ sessionId, turnId })) await places.release({ sessionId, turnId });
    };
    leave().catch((error: unknown) => {
      log.warn({ err: error, session_id: sessionId }, "a chat's session could not be given up");
    });
  }

  /** The key may be limited to other models: then the client's own does the job. */
  async *#runSideJob(request: ChatRequest, gone: AbortSignal): AsyncGenerator<ChatEvent, void> {
    try {
      yield* this.#runTask(request, this.parts.sideJobModel, gone);
    } catch (error) {
      if (codeOf(error) !== "FORBIDDEN") throw error;
      yield* this.#runTask(request, request.model.id, gone);
    }
  }

  async *#runTask(
    request: ChatRequest,
    model: string | undefined,
    gone: AbortSignal,
  ): AsyncGenerator<ChatEvent, void> {
    const { turns, systemPrompt } = this.parts;
    const handle = await turns.task(request.keyId, {
      ...this.#promptOf(request),
      ...(model !== undefined && { model }),
      systemPrompt: request.system ?? systemPrompt,
      options: { tools: [] },
    });
    yield { type: "begun", turn: { turnId: handle.id, origin: "none" } };
    const { thinking } = yield* follow(handle, gone);
    const response = await answerIn(handle);
    if (!response.success) throw failureOf(response);
    yield { type: "end", response, thinking };
  }

  #promptOf({ messages, model, effort, thinking, showsThinking, schema, tools }: ChatRequest) {
    const content = (messages.at(-1)?.content ?? []).filter(isOfPrompt);
    const [first] = content;
    const isText = content.length === 1 && first?.type === "text";
    return {
      prompt: isText ? first.text : "",
      ...(!isText && { content }),
      model: model.id,
      timeoutSecs: this.parts.timeoutSecs,
      // What a chat client sends is text, also if it begins with a slash.
      verbatim: true,
      ...(showsThinking && { events: ["thinking"] as const }),
      options: {
        ...(effort !== undefined && { effort }),
        ...(thinking !== undefined && { thinking }),
        ...(schema !== undefined && { outputSchema: schema }),
        ...(tools !== undefined && { clientTools: tools.tools, singleClientCall: tools.single }),
      },
    };
  }
}

/** Whether the session had its conversation before the request. */
function canBeLost(origin: SessionOrigin): boolean {
  return origin === "live" || origin === "forked";
}

function hasResults({ messages }: ChatRequest): boolean {
  return messages.at(-1)?.content.some(({ type }) => type === "tool_result") === true;
}

function isOfPrompt(block: HistoryBlock): block is ContentBlock {
  return block.type !== "tool_use";
}

/** All that a turn streamed. */
interface Streamed {
  readonly text: string;
  readonly thinking: string;
}

/**
 * The events of a turn until its end. Thinking of subagents and after the answer's first text is left out: clients expect it
 * before the answer. Ends the turn when the client is gone.
 */
async function* follow(handle: TurnHandle, gone: AbortSignal): AsyncGenerator<ChatEvent, Streamed> {
  const interrupt = () => handle.interrupt();
  gone.addEventListener("abort", interrupt, { once: true });
  if (gone.aborted) interrupt();
  let text = "";
  let thinking = "";
  let ended = false;
  try {
    for await (const frame of handle.read({ mode: "delta" })) {
      if (frame === null) yield { type: "alive" };
      else if (frame.event === "text" && typeof frame.data === "string") {
        text += frame.data;
        yield { type: "text", delta: frame.data };
      } else {
        const delta = text === "" ? thoughtIn(frame) : undefined;
        if (delta === undefined) continue;
        thinking += delta;
        yield { type: "thinking", delta };
      }
    }
    ended = true;
    return { text, thinking };
  } finally {
    gone.removeEventListener("abort", interrupt);
    if (!ended) interrupt();
  }
}

/** The main agent's thinking in a frame. */
function thoughtIn({ event, data }: { readonly event: string; readonly data: unknown }): string | undefined {
  if (event !== "thinking" || !isFields(data) || data["parent_tool_use_id"] !== undefined) return undefined;
  const { text } = data;
  return typeof text === "string" ? text : undefined;
}
