import { setMaxListeners } from "node:events";
import type { Approval, TurnInfo, TurnOutcome } from "@claudeway/core";
import { Answers } from "./answers.js";
import { ApprovalButtons } from "./approval-buttons.js";
import { isReadable, isVoice } from "./attachments.js";
import { Background } from "./background.js";
import { Board } from "./board.js";
import { ButtonRouter } from "./buttons.js";
import type { ChatScope } from "./chat-scope.js";
import { type Command, Commands } from "./commands.js";
import { Conversations, type TurnTerms } from "./conversations.js";
import { DenialButtons } from "./denial-buttons.js";
import { reasonOf } from "./failures.js";
import { Pace } from "./growing-answer.js";
import type { Attachment, ButtonPress, Messenger, Person } from "./messenger.js";
import { SessionFiles } from "./session-files.js";
import type { State } from "./state.js";
import type { Card, Waiting } from "./state-entries.js";
import type { Say, TextKey } from "./texts.js";
import { Transcriber, type TranscriberOptions } from "./transcriber.js";

export interface ChatServiceOptions {
  readonly scope: ChatScope;
  readonly messenger: Messenger;
  readonly state: State;
  readonly say: Say;
  readonly terms: TurnTerms;
  /** Milliseconds between two edits of growing answers. */
  readonly intervalMs: number;
  /** The conversation for decisions of sessions from outside the chat; undefined if they are not shown. */
  readonly homeKey: string | undefined;
  /** Undefined if voice messages are unsupported. */
  readonly transcriber: Pick<TranscriberOptions, "url" | "key" | "model"> | undefined;
}

/** A message by somebody who may use the bot. */
export interface Incoming {
  readonly key: string;
  readonly messageId: string;
  readonly from: Person;
  readonly text: string;
  readonly attachments: readonly Attachment[];
  readonly album?: string | undefined;
  /** The message that it answers. */
  readonly replyTo?: string | undefined;
  /** A command of the bot. */
  readonly command?: Command | undefined;
}

/*
 * Incoming: `receive` → commands, conversations (prompts, in order); `press` → buttons. Outgoing: answers (of turns, by
 * edits), approval-buttons and denial-buttons (through board). `state` stores what must survive a restart.
 */

/** The conversations of one messenger, while this gateway leads; see `leadChat`. */
export class ChatService {
  readonly #background: Background;
  readonly #answers: Answers;
  readonly #approvals: ApprovalButtons;
  readonly #denials: DenialButtons;
  readonly #buttons: ButtonRouter;
  readonly #conversations: Conversations;
  readonly #commands: Commands;
  #resumed = false;

  constructor(private readonly options: ChatServiceOptions) {
    const { scope, messenger, intervalMs } = options;
    const { turns, ledger, sessions, keys, approvals: approvalService, shared: othersRun } = scope;
    // Each growing answer and each running call adds a listener.
    setMaxListeners(0, scope.signal);
    this.#background = new Background(scope);
    const common = { ...options, turns, ledger, sessions, keys, approvalService, othersRun };
    const files = new SessionFiles(common);
    const { transcriber } = options;
    const shared = {
      ...common,
      background: this.#background,
      files,
      transcriber: transcriber && new Transcriber({ ...transcriber, signal: scope.signal, log: scope.log }),
    };
    const board = new Board(shared);
    this.#answers = new Answers({
      ...shared,
      pace: new Pace(messenger, intervalMs),
      denied: (turn, response) =>
        this.#background.run("showing denied calls", () => this.#denials.denied(turn, response)),
    });
    this.#approvals = new ApprovalButtons({ ...shared, board });
    this.#denials = new DenialButtons({ ...shared, board, answers: this.#answers });
    this.#buttons = new ButtonRouter({
      ...shared,
      board,
      approvals: this.#approvals,
      denials: this.#denials,
    });
    this.#conversations = new Conversations({ ...shared, answers: this.#answers });
    this.#commands = new Commands({ ...shared, conversations: this.#conversations });
  }

  /** The messenger is connected, or connected again. */
  connected(): void {
    this.#background.run("showing decisions on denied calls", () => this.#denials.reconcile());
    this.#background.run("finding pending approvals", () => this.#approvals.reconcile());
    if (this.#resumed) return;
    this.#resumed = true;
    this.#conversations.resume();
    this.#background.run("showing answers that came while the plugin was off", () => this.#answers.catchUp());
  }

  /** Shows what other gateways did, which no hook reports here: requests, decisions, and answers of turns that went on. */
  async lookElsewhere(): Promise<void> {
    const looks = await Promise.allSettled([this.#approvals.reconcile(), this.#answers.catchUp()]);
    for (const look of looks) if (look.status === "rejected") throw look.reason;
  }

  /** Undefined if files of this type are accepted, else what to answer. */
  refusalOf(mediaType: string): TextKey | undefined {
    if (isReadable(mediaType)) return undefined;
    if (!isVoice(mediaType)) return "textOnly";
    return this.options.transcriber === undefined ? "voiceUnsupported" : undefined;
  }

  /** Resolves when the message needs no redelivery; the work that it started continues. */
  async receive(incoming: Incoming): Promise<void> {
    const { key, messageId, command, replyTo, text, from, attachments } = incoming;
    if (command !== undefined)
      return this.#background.run("a command", () => this.#commands.run(command, key, messageId));
    const isThere = (card: Card) =>
      (replyTo !== undefined && card.messageId === replyTo) ||
      (this.options.messenger.answersInThread && card.key === key);
    const reply = (said: string) =>
      this.#background.run("a note", () => this.#conversations.write(key, messageId, said));
    const answeredBy = async (answer: string) =>
      answer !== "" && (await this.#approvals.answeredByText(isThere, answer, { from, reply }));
    if (attachments.length > 0 && (await this.#approvals.isAsked(isThere)))
      return this.#answerWithFiles(incoming, answeredBy);
    if (await answeredBy(text)) return;
    await this.#conversations.accept(waitingOf(incoming));
  }

  async #answerWithFiles(
    incoming: Incoming,
    answeredBy: (answer: string) => Promise<boolean>,
  ): Promise<void> {
    const { key, messageId, attachments } = incoming;
    const waiting = waitingOf(incoming);
    const answer = async (said: string) => {
      // The question was decided by the time that the answer was heard: it is a prompt.
      if (said !== "" && !(await answeredBy(said))) return this.#conversations.accept(waiting);
      if (!attachments.every(({ mediaType }) => isVoice(mediaType)))
        this.note(key, messageId, "filesNoAnswer");
    };
    if (!attachments.some(({ mediaType }) => isVoice(mediaType))) return answer(waiting.prompt);
    // What comes after it must not wait for a transcription.
    this.#background.run("a spoken answer", async () => answer(await this.#conversations.heard(waiting)));
  }

  /** Somebody who may use the bot pressed a button. */
  press(press: ButtonPress): void {
    this.#background.run("a button press", () => this.#buttons.pressed(press));
  }

  /** Answers a message with a text of the bot. */
  note(key: string, messageId: string, text: TextKey): void {
    this.#background.run("a note", () => this.#conversations.note(key, messageId, text));
  }

  /** Says below a message that it could not be handled. */
  failed(key: string, messageId: string, error: unknown): void {
    const reason = reasonOf(error);
    this.#background.run("a note", () => this.#conversations.note(key, messageId, "failed", { reason }));
  }

  /** Runs further work of the messenger, which `close` waits for. */
  run(what: string, work: () => Promise<unknown>): void {
    this.#background.run(what, work);
  }

  /** Resolves when all of its work has ended. Call it after the plugin's signal was aborted. */
  async close(): Promise<void> {
    await Promise.all([this.#conversations.close(), this.#background.close()]);
    await this.options.state.saved();
  }

  /** A call waits for a decision. */
  asked(approval: Approval): void {
    this.#background.run("asking", () => this.#approvals.asked(approval));
  }

  decided(approval: Approval): void {
    this.#background.run("showing a decision", () => this.#approvals.decided(approval));
    this.#background.run("showing that a turn goes on", () => this.#answers.decided(approval));
  }

  ended(turn: TurnInfo, { response }: TurnOutcome): void {
    const { id: turnId, sessionId, keyId } = turn;
    if (this.#answers.shows(turnId)) return;
    const shown = { turnId, sessionId, keyId };
    this.#background.run("showing the end of a turn", async () => {
      await this.#denials.approvedElsewhere(keyId, response);
      const key = this.options.state.keyOfSession(sessionId);
      if (turn.origin === "background" && key !== undefined)
        return this.#answers.showUnprompted(response, { ...shown, key });
      if (await this.#answers.goneOn(shown, response)) return;
      if (response.permission_denials !== undefined) await this.#denials.denied(shown, response);
    });
  }
}

function waitingOf({ key, messageId, text, attachments, album }: Incoming): Waiting {
  return {
    key,
    messageId,
    prompt: text,
    ...(attachments.length > 0 && { attachments }),
    ...(album !== undefined && { album }),
  };
}
