import type { LedgerView, PluginScope, SessionsView, TurnRunner } from "@claudeway/core";
import type { Answers } from "./answers.js";
import type { Chat } from "./chat.js";
import type { TelegramConfig } from "./config.js";
import { reasonOf } from "./failures.js";
import { plainHtml } from "./html.js";
import { placeOf } from "./places.js";
import type { State, Waiting } from "./state.js";
import type { Say, TextKey } from "./texts.js";

export interface ConversationsOptions {
  readonly config: TelegramConfig;
  readonly chat: Chat;
  readonly state: State;
  readonly say: Say;
  readonly answers: Answers;
  readonly turns: TurnRunner;
  readonly ledger: Pick<LedgerView, "response">;
  readonly sessions: Pick<SessionsView, "get">;
  readonly scope: Pick<PluginScope, "log" | "signal">;
}

const MAX_WAITING = 50;
const MAX_NOTE = 1000;

/** Conversations. Messages of one conversation are answered one by one, in order. */
export class Conversations {
  /** Unanswered messages by conversation, the running one first. */
  readonly #lanes = new Map<string, Waiting[]>();
  readonly #running = new Set<Promise<void>>();

  constructor(private readonly options: ConversationsOptions) {}

  /** Queues a message. Resolves when it would survive a kill. */
  async accept(key: string, messageId: number, prompt: string): Promise<void> {
    const { state } = this.options;
    if (this.waitingIn(key) >= MAX_WAITING) return this.note(key, messageId, "tooMany");
    const waiting = { key, messageId, prompt };
    state.link(messageId, key);
    state.setWaiting(waiting);
    this.#enqueue(waiting);
    await state.saved();
  }

  /** After a start: continues with messages that were queued before. */
  resume(): void {
    for (const waiting of [...this.options.state.waiting]) this.#enqueue(waiting);
  }

  /** Number of unanswered messages of a conversation. */
  waitingIn(key: string): number {
    return this.#lanes.get(key)?.length ?? 0;
  }

  /** Drops messages that wait behind the running turn; returns how many. */
  drop(key: string): number {
    const dropped = this.#lanes.get(key)?.splice(1) ?? [];
    for (const { messageId } of dropped) this.options.state.endWaiting(messageId);
    return dropped.length;
  }

  /** Resolves when all of its work has ended. Call it after the plugin's signal was aborted. */
  async close(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Sends a text of the bot itself. */
  async note(key: string, messageId: number, text: TextKey, values?: Parameters<Say>[1]): Promise<void> {
    const { chat, say, state } = this.options;
    const html = plainHtml(say(text, values), MAX_NOTE);
    state.link(await chat.send(html, placeOf(key, messageId)), key);
  }

  #enqueue(waiting: Waiting): void {
    const lane = this.#lanes.get(waiting.key);
    if (lane !== undefined) return void lane.push(waiting);
    const fresh = [waiting];
    this.#lanes.set(waiting.key, fresh);
    const run = this.#work(waiting.key, fresh).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Answers a conversation's messages one by one. Never rejects. */
  async #work(key: string, lane: Waiting[]): Promise<void> {
    const { scope, state } = this.options;
    for (let next = lane[0]; next !== undefined && !scope.signal.aborted; next = lane[0]) {
      try {
        await this.#answer(next);
      } catch (error) {
        // Switched off: the message is on disk, and the next start continues with it.
        if (scope.signal.aborted) return;
        await this.#sayFailed(next, error);
      }
      state.endWaiting(next.messageId);
      lane.shift();
    }
    this.#lanes.delete(key);
  }

  async #sayFailed({ key, messageId }: Waiting, error: unknown): Promise<void> {
    const { scope } = this.options;
    scope.log.warn({ err: error }, "could not answer a message");
    await this.note(key, messageId, "failed", { reason: reasonOf(error) }).catch(() => undefined);
  }

  async #answer(waiting: Waiting): Promise<void> {
    if (waiting.begun) return this.#pickUp(waiting);
    const { turns, config, state, answers } = this.options;
    const { key, messageId, prompt } = waiting;
    const sessionId = await this.#sessionOf(key, messageId);
    // Save first: a gateway that dies from here on must not run, and bill, it twice.
    state.setWaiting({ ...waiting, begun: true });
    await state.saved();
    const handle = await turns.prompt(config.key_id, sessionId, { prompt, timeoutSecs: config.timeout_secs });
    state.setWaiting({ ...waiting, begun: true, turnId: handle.id });
    await answers.follow(handle, { turnId: handle.id, sessionId, keyId: config.key_id, key, messageId });
  }

  /** The gateway stopped while this message was being answered. */
  async #pickUp({ key, messageId, turnId }: Waiting): Promise<void> {
    const { turns, answers, ledger, state, config } = this.options;
    const sessionId = state.conversation(key)?.sessionId ?? "";
    if (turnId === undefined) return this.note(key, messageId, "interrupted");
    const shown = { turnId, sessionId, keyId: config.key_id, key, messageId };
    const handle = turns.follow(turnId);
    if (handle !== undefined) return answers.follow(handle, shown);
    const response = await ledger.response(turnId);
    if (response === undefined) return this.note(key, messageId, "interrupted");
    await answers.show(response, shown);
  }

  /** The session of a conversation: the existing one, or a new one if it was deleted. */
  async #sessionOf(key: string, messageId: number): Promise<string> {
    const { state, turns, sessions, config } = this.options;
    const { sessionId: known, model = config.model } = state.conversation(key) ?? {};
    if (known !== undefined && (await sessions.get(known))?.keyId === config.key_id) return known;
    const { id } = await turns.startSession(config.key_id, {
      model,
      ...(config.workdir === undefined ? {} : { workdir: config.workdir }),
    });
    state.setConversation(key, { sessionId: id, model });
    if (known !== undefined) await this.note(key, messageId, "sessionGone");
    return id;
  }
}
