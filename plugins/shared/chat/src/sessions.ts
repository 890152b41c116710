import type { PluginScope, SessionsView, TurnRunner } from "@claudeway/core";
import type { ChatRequest } from "./chat-request.js";
import { type ChatScope, historyHash } from "./messages.js";
import type { ChatPlaces, Place } from "./places.js";

/**
 * How a session came to have a request's history: it already had it (`live`), it was forked from one that went on since, it
 * was given it, or there is none.
 */
export type SessionOrigin = "live" | "forked" | "seeded" | "new";

/** The session that a request's turn runs in. Only this request has it. */
export interface ChatSessionLease {
  readonly sessionId: string;
  readonly origin: SessionOrigin;
  /** The turn that the session stands at, if it is live. */
  readonly turnId?: string;
}

export interface SessionParts {
  readonly turns: Pick<TurnRunner, "startSession" | "forkSession" | "endSession">;
  readonly view: Pick<SessionsView, "turns">;
  readonly places: ChatPlaces;
  readonly log: PluginScope["log"];
  /** The system prompt of a model without one from the client. */
  readonly systemPrompt: string;
}

/** Codes of a fork that is not possible: the session, its turn or its transcript is gone, or too many are being forked. */
const NO_FORK = ["NOT_FOUND", "CONFLICT", "BAD_REQUEST", "UNAVAILABLE"];

/** Turns since the last answer that an agent began by itself or that were refused; after more, the session is forked. */
const MAX_OTHER_TURNS = 100;

/** Finds or makes the session for the history of a request. */
export class ChatSessions {
  constructor(private readonly parts: SessionParts) {}

  /** The session whose next turn is the request's prompt. */
  async open(request: ChatRequest): Promise<ChatSessionLease> {
    const history = request.messages.slice(0, -1);
    if (history.length === 0) return { sessionId: await this.#start(request), origin: "new" };
    const { places } = this.parts;
    const place = await places.find(historyHash(scopeOf(request), history));
    if (place === undefined) return this.seed(request);
    // In this order: a claim that does not lead to a turn would stay.
    const claim = (await this.isAt(place)) ? await places.claim(place, request.model.id) : "busy";
    if (claim === "claimed") return { ...place, origin: "live" };
    const fork = claim === "gone" ? undefined : await this.#fork(request, place);
    return fork === undefined ? this.seed(request) : { sessionId: fork, origin: "forked" };
  }

  /** Whether the session's last prompt that was not refused is the place's turn: its key may have used it by its id. */
  async isAt({ sessionId, turnId }: Place): Promise<boolean> {
    const turns = await this.#latestTurns(sessionId);
    const reached = turns.find(({ origin, ended }) => origin !== "background" && ended?.end !== "refused");
    return reached?.id === turnId;
  }

  /** A new session that is given the history. */
  async seed(request: ChatRequest): Promise<ChatSessionLease> {
    return { sessionId: await this.#start(request), origin: "seeded" };
  }

  /** Ends a session for good. If that fails it stays known, and the sweep tries again. */
  async end(keyId: string, sessionId: string): Promise<void> {
    try {
      await this.parts.turns.endSession(keyId, sessionId);
    } catch (error) {
      // Its key may have ended it.
      if (codeOf(error) !== "NOT_FOUND") throw error;
    }
    await this.parts.places.forget(sessionId);
  }

  /** Ends a session for good, unless a turn waits for its place or runs in it. */
  async endUnused(keyId: string, sessionId: string): Promise<void> {
    const turns = await this.#latestTurns(sessionId);
    if (turns.every(({ ended, parked }) => ended !== undefined || parked !== undefined))
      await this.end(keyId, sessionId);
  }

  async #latestTurns(sessionId: string) {
    return (await this.parts.view.turns(sessionId, { page: 1, limit: MAX_OTHER_TURNS })).turns;
  }

  async #start({ keyId, model, system, messages }: ChatRequest): Promise<string> {
    const { turns, systemPrompt } = this.parts;
    const session = await turns.startSession(keyId, {
      model: model.id,
      hidden: true,
      history: messages.slice(0, -1),
      ...(model.agent
        ? { options: { ...(system !== undefined && { appendSystemPrompt: system }) } }
        : { systemPrompt: system ?? systemPrompt, options: { tools: [] } }),
    });
    await this.#note(session.id, keyId, model.id);
    return session.id;
  }

  /**
   * A session that can't be noted is ended after its turn: its conversation can't be found again. If the ledger fails, it is ended
   * at once: no sweep would find it.
   */
  async #note(sessionId: string, keyId: string, model: string): Promise<void> {
    const { places, turns, log } = this.parts;
    try {
      if (!(await places.begin(sessionId, keyId, model)))
        log.warn(
          { session_id: sessionId },
          "a chat's session could not be noted: it is ended after its turn",
        );
    } catch (error) {
      await turns.endSession(keyId, sessionId).catch((err: unknown) => {
        log.warn(
          { err, session_id: sessionId },
          "a chat's session that could not be noted could not be ended",
        );
      });
      throw error;
    }
  }

  /** Undefined if it can't be forked there. */
  async #fork({ keyId, model }: ChatRequest, { sessionId, turnId }: Place): Promise<string | undefined> {
    const { turns, log } = this.parts;
    try {
      const fork = await turns.forkSession(keyId, sessionId, { at: turnId, hidden: true });
      await this.#note(fork, keyId, model.id);
      return fork;
    } catch (error) {
      if (!NO_FORK.includes(codeOf(error) ?? "")) throw error;
      log.info({ err: error, session_id: sessionId }, "a chat's session could not be forked");
      return undefined;
    }
  }
}

export function scopeOf({ keyId, model, system, conversationId }: ChatRequest): ChatScope {
  return { keyId, agent: model.agent, system, conversationId };
}

/** The code of an error of the gateway. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}
