import { setTimeout as sleep } from "node:timers/promises";
import type { LedgerView, PluginScope, SessionsView, TurnHandle, TurnRunner } from "@claudeway/core";
import type { Answers } from "./answers.js";
import { isVoice } from "./attachments.js";
import type { Background } from "./background.js";
import { reasonOf } from "./failures.js";
import { IncomingFiles, MAX_FILES, withinLimit } from "./incoming-files.js";
import type { Messenger } from "./messenger.js";
import { Slots } from "./slots.js";
import { plain } from "./spans.js";
import { clip } from "./split.js";
import type { State } from "./state.js";
import type { Waiting } from "./state-entries.js";
import type { Say, TextKey, Values } from "./texts.js";
import type { Transcriber } from "./transcriber.js";

/** How the turns of the chat run. */
export interface TurnTerms {
  readonly keyId: string;
  readonly model: string;
  readonly workdir: string | undefined;
  readonly timeoutSecs: number;
}

export interface ConversationsOptions {
  readonly terms: TurnTerms;
  readonly messenger: Messenger;
  readonly state: State;
  readonly say: Say;
  readonly answers: Answers;
  readonly background: Background;
  readonly transcriber: Transcriber | undefined;
  readonly turns: TurnRunner;
  readonly ledger: Pick<LedgerView, "response" | "turn">;
  readonly sessions: Pick<SessionsView, "get">;
  /** Turns may run at other gateways. */
  readonly othersRun: boolean;
  readonly scope: Pick<PluginScope, "log" | "signal">;
}

const MAX_WAITING = 50;
const MAX_NOTE = 2000;
/** The other pictures of an album arrive within this time. */
const ALBUM_MS = 1000;
/** Conversations that fetch files at once: until its turn has begun, the files of a message are in memory. */
const MAX_FETCHING = 4;

/** Conversations. Messages of one conversation are answered one by one, in order. */
export class Conversations {
  /** Unanswered messages by conversation, the running one first. */
  readonly #lanes = new Map<string, Waiting[]>();
  readonly #running = new Set<Promise<void>>();
  readonly #files: IncomingFiles;
  readonly #fetching = new Slots(MAX_FETCHING);
  /** Messages whose files are being fetched: no picture joins them. */
  readonly #sealed = new Set<string>();

  /** Messages that were queued before the start. */
  readonly #left: readonly Waiting[];

  constructor(private readonly options: ConversationsOptions) {
    this.#left = options.state.waiting;
    this.#files = new IncomingFiles({
      ...options,
      note: ({ key, messageId }, text, values) => this.note(key, messageId, text, values),
    });
  }

  /** Queues a message. Resolves when it would survive a kill, or is refused. */
  async accept(incoming: Waiting): Promise<void> {
    const { state, background } = this.options;
    const waiting = withinLimit(incoming);
    const { key, messageId } = waiting;
    if (this.#joinAlbum(waiting)) return void (await state.saved());
    const refusal =
      this.waitingIn(key) >= MAX_WAITING ? "tooMany" : state.fits(waiting) ? undefined : "tooLong";
    // What comes after it must not wait until the messenger accepts that.
    if (refusal !== undefined) return background.run("a note", () => this.note(key, messageId, refusal));
    state.link(messageId, key);
    state.setWaiting(waiting);
    this.#enqueue(waiting);
    await state.saved();
  }

  /** Adds a picture to the prompt of its album. False if that is not waiting any more, or full. */
  #joinAlbum({ key, messageId, prompt, album, attachments = [] }: Waiting): boolean {
    const lane = this.#lanes.get(key) ?? [];
    const at = album === undefined ? -1 : lane.findIndex((one) => one.album === album && this.#isOpen(one));
    const first = lane[at];
    const all = [...(first?.attachments ?? []), ...attachments];
    if (first === undefined || all.length > MAX_FILES) return false;
    const joined = { ...first, attachments: all, prompt: [first.prompt, prompt].filter(Boolean).join("\n") };
    if (!this.options.state.fits(joined)) return false;
    lane[at] = joined;
    this.options.state.link(messageId, key);
    this.options.state.setWaiting(joined);
    return true;
  }

  #isOpen({ begun, messageId }: Waiting): boolean {
    return begun !== true && !this.#sealed.has(messageId);
  }

  /** After a start: continues with messages that were queued before. */
  resume(): void {
    for (const waiting of this.#left) this.#enqueue(waiting);
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

  /** A message with what was said in its voice messages, as text. Its other files are not read. */
  async heard(message: Waiting): Promise<string> {
    const attachments = (message.attachments ?? []).filter(({ mediaType }) => isVoice(mediaType));
    const read = () => this.#files.read(withinLimit({ ...message, attachments }));
    return (await this.#fetching.run(this.options.scope.signal, read)).prompt;
  }

  /** Sends a text of the bot itself. */
  note(key: string, messageId: string, text: TextKey, values?: Values): Promise<void> {
    return this.write(key, messageId, this.options.say(text, values));
  }

  /** Sends a plain text of the bot itself. */
  async write(key: string, replyTo: string | undefined, text: string): Promise<void> {
    const { messenger, state } = this.options;
    const spans = [plain(clip(text, MAX_NOTE, messenger.sizes))];
    state.link(await messenger.send({ key, replyTo }, { spans }), key);
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
        if (next.album !== undefined && next.begun !== true) {
          await sleep(ALBUM_MS, undefined, { signal: scope.signal });
        }
        await this.#answer(lane[0] ?? next);
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
    const { terms, answers, scope } = this.options;
    const { key, messageId, attachments } = waiting;
    const start = async () => {
      this.#sealed.add(messageId);
      try {
        // While it waited, pictures may have joined it.
        return await this.#start(this.#lanes.get(key)?.[0] ?? waiting);
      } finally {
        this.#sealed.delete(messageId);
      }
    };
    const started = await (attachments === undefined ? start() : this.#fetching.run(scope.signal, start));
    if (started === undefined) return;
    const { handle, sessionId } = started;
    await answers.follow(handle, { turnId: handle.id, sessionId, keyId: terms.keyId, key, messageId });
  }

  /** Starts the turn of a message. Undefined if nothing is left of it, and its sender knows. */
  async #start(waiting: Waiting): Promise<{ handle: TurnHandle; sessionId: string } | undefined> {
    const { turns, terms, state } = this.options;
    const { prompt, content } = await this.#files.read(waiting);
    if (prompt === "" && content === undefined) return undefined;
    const { key, messageId } = waiting;
    const sessionId = await this.#sessionOf(key, messageId);
    // Save first: a gateway that dies from here on must not run, and bill, it twice.
    this.#begin(waiting);
    if (!(await state.saved())) throw new Error("the bot's state can't be stored");
    const request = {
      prompt,
      ...(content !== undefined && { content }),
      timeoutSecs: terms.timeoutSecs,
      events: ["tools"],
    } as const;
    const handle = await turns.prompt(terms.keyId, sessionId, request);
    state.setWaiting({ ...waiting, begun: true, turnId: handle.id, sessionId });
    return { handle, sessionId };
  }

  /** From now on no picture joins it. */
  #begin(waiting: Waiting): void {
    const begun = { ...waiting, begun: true } as const;
    const lane = this.#lanes.get(waiting.key);
    if (lane?.[0]?.messageId === waiting.messageId) lane[0] = begun;
    this.options.state.setWaiting(begun);
  }

  /** The gateway stopped while this message was being answered. */
  async #pickUp({ key, messageId, turnId, ...waiting }: Waiting): Promise<void> {
    const { turns, answers, ledger, state, terms, othersRun } = this.options;
    const sessionId = waiting.sessionId ?? state.conversation(key)?.sessionId ?? "";
    if (turnId === undefined) return this.note(key, messageId, "interrupted");
    const shown = { turnId, sessionId, keyId: terms.keyId, key, messageId };
    const handle = turns.follow(turnId);
    if (handle !== undefined) return answers.follow(handle, shown);
    const wasParked = state.parked(turnId) !== undefined;
    const response = await ledger.response(turnId);
    if (response === undefined && othersRun) {
      const turn = await ledger.turn(turnId);
      // It runs at another gateway, or is about to be found lost: its answer is shown when it ends.
      if (turn !== undefined && turn.ended === undefined) return answers.expect(shown);
    }
    if (response === undefined) return this.note(key, messageId, "interrupted");
    // As the answer of a parked turn, it was shown meanwhile.
    if (wasParked && state.parked(turnId) === undefined) return;
    await answers.show(response, shown);
  }

  /** The session of a conversation: the existing one, or a new one if it was deleted. */
  async #sessionOf(key: string, messageId: string): Promise<string> {
    const { state, turns, sessions, terms } = this.options;
    const { sessionId: known, model = terms.model, workdir = terms.workdir } = state.conversation(key) ?? {};
    if (known !== undefined && (await sessions.get(known))?.keyId === terms.keyId) return known;
    const { id } = await turns.startSession(terms.keyId, {
      model,
      ...(workdir === undefined ? {} : { workdir }),
    });
    state.setConversation(key, { ...state.conversation(key), sessionId: id, model });
    if (known !== undefined) await this.note(key, messageId, "sessionGone");
    return id;
  }
}
