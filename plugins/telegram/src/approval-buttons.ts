import type { Approval, Approvals, Decision } from "@claudeway/core";
import type { CallbackQuery, User } from "telegraf/types";
import { type Board, nameOf, newToken, type Press } from "./board.js";
import { type Card, callCard, questionCard } from "./cards.js";
import type { Chat } from "./chat.js";
import { codeOf, reasonOf } from "./failures.js";
import { answersOf, questionsOf } from "./questions.js";
import type { Keyboard, KeyboardOf, State } from "./state.js";
import type { Say } from "./texts.js";

export interface ApprovalButtonsOptions {
  readonly chat: Chat;
  readonly state: State;
  readonly say: Say;
  readonly approvalService: Approvals;
  readonly board: Board;
  /** The conversation for approvals of sessions from outside this chat. */
  readonly homeKey: string;
}

const PENDING_AT_ONCE = 200;

/** Pending approvals (calls and questions), decided by a button or by a written answer. */
export class ApprovalButtons {
  readonly #board: Board;

  constructor(private readonly options: ApprovalButtonsOptions) {
    this.#board = options.board;
  }

  /** Shows a pending call, once. */
  asked(approval: Approval): Promise<void> {
    return this.#board.inOrder(approval.id, async () => {
      const { state, approvalService, homeKey } = this.options;
      if (state.keyboardOf(approval.id) !== undefined) return;
      // It may have waited long to be shown.
      if ((await approvalService.get(approval.id))?.status !== "pending") return;
      const key = state.keyOfSession(approval.sessionId) ?? homeKey;
      const keyboard = {
        token: newToken(),
        messageId: 0,
        subject: { kind: "approval", approvalId: approval.id },
      } as const;
      await this.#board.post(keyboard, key, approvalCard(approval, keyboard, this.options.say));
    });
  }

  /** A call was decided, here or elsewhere: removes the buttons and says by whom. */
  decided(approval: Approval): Promise<void> {
    return this.#board.inOrder(approval.id, async () => {
      const { state, say } = this.options;
      const keyboard = state.keyboardOf(approval.id);
      if (keyboard === undefined || approval.status === "pending") return;
      const verdict = verdictOf(approval, say);
      await this.#board.settle(
        { ...keyboard, verdict },
        approvalCard(approval, { ...keyboard, verdict }, say),
      );
    });
  }

  /** After a start: shows requests and decisions that were missed. */
  async reconcile(): Promise<void> {
    const { approvalService, state } = this.options;
    const { approvals } = await approvalService.list({ status: "pending", page: 1, limit: PENDING_AT_ONCE });
    for (const { token, subject } of state.keyboards) {
      if (subject.kind !== "approval") continue;
      const approval = await approvalService.get(subject.approvalId);
      if (approval === undefined) state.endKeyboard(token);
      else if (approval.status !== "pending") await this.decided(approval);
    }
    for (const approval of approvals.toReversed()) await this.asked(approval);
  }

  /** An allowed user pressed a button of this message. */
  async pressed(press: CallbackQuery, keyboard: ApprovalKeyboard, action: string): Promise<void> {
    const approval = await this.options.approvalService.get(keyboard.subject.approvalId);
    if (approval === undefined) return this.#board.refuse(press, "staleButton");
    if (action === "a" || action === "s") {
      if (approval.kind === "question") return this.#board.refuse(press, "staleButton");
      const scope = action === "s" ? "session" : "once";
      return void (await this.#decide(approval, press, { decision: "allow", scope }));
    }
    if (action === "d") return void (await this.#decide(approval, press, { decision: "deny" }));
    return this.#pressedOption(press, keyboard, approval, action);
  }

  /** Treats a reply to a question as its answer. False if the message is not a question of the bot. */
  async answeredByText(messageId: number, text: string, user: User): Promise<boolean> {
    const keyboard = this.options.state.keyboards.find((one) => one.messageId === messageId);
    if (keyboard?.subject.kind !== "approval" || keyboard.verdict !== undefined) return false;
    const { subject } = keyboard;
    const approval = await this.options.approvalService.get(subject.approvalId);
    if (approval?.kind !== "question" || approval.status !== "pending") return false;
    await this.#answer({ ...keyboard, subject }, approval, text, { from: user });
    return true;
  }

  async #pressedOption(press: CallbackQuery, keyboard: ApprovalKeyboard, approval: Approval, action: string) {
    const { answered = [], ticked = [] } = keyboard.subject;
    const question = questionsOf(approval)[answered.length];
    const label = question?.options[Number(action.slice(1))]?.label;
    if (question === undefined) return this.#board.refuse(press, "staleButton");
    if (!question.many && label !== undefined) return this.#answer(keyboard, approval, label, press);
    if (question.many && action === "k" && ticked.length > 0) {
      return this.#answer(keyboard, approval, ticked.join(", "), press);
    }
    if (!question.many || label === undefined) return this.#board.refuse(press, "staleButton");
    const now = ticked.includes(label) ? ticked.filter((one) => one !== label) : [...ticked, label];
    await this.#redraw({ ...keyboard, subject: { ...keyboard.subject, ticked: now } }, approval);
    await this.#board.say(press, "pressed");
  }

  /** Records the answer of the open question, then shows the next one or decides. */
  async #answer(keyboard: ApprovalKeyboard, approval: Approval, answer: string, by: Press): Promise<void> {
    const { ticked: _ticked, ...subject } = keyboard.subject;
    const answered = [...(subject.answered ?? []), answer];
    const next = { ...keyboard, subject: { ...subject, answered } };
    this.options.state.setKeyboard(next);
    const questions = questionsOf(approval);
    if (answered.length >= questions.length) {
      const decision = { decision: "allow", updatedInput: answersOf(questions, answered) } as const;
      // If the decision did not count, the last question stays open.
      if (!(await this.#decide(approval, by, decision))) this.options.state.setKeyboard(keyboard);
      return;
    }
    await this.#redraw(next, approval);
    await this.#board.say(by, "pressed");
  }

  async #redraw(keyboard: ApprovalKeyboard, approval: Approval): Promise<void> {
    const { state, say, chat } = this.options;
    state.setKeyboard(keyboard);
    const { html, keyboard: buttons } = approvalCard(approval, keyboard, say);
    await this.#board.inOrder(approval.id, async () => {
      await chat.edit(keyboard.messageId, html, { keyboard: buttons });
    });
  }

  async #decide(approval: Approval, by: Press, decision: Decision): Promise<boolean> {
    const { approvalService, chat } = this.options;
    const decider = {
      channel: "telegram",
      who: nameOf(by.from),
      from: `chat ${chat.id}, user ${by.from.id}`,
    };
    try {
      const decided = await approvalService.decide(approval.id, decision, decider);
      await Promise.all([this.#board.say(by, "pressed"), this.decided(decided)]);
      return true;
    } catch (error) {
      if (codeOf(error) !== "CONFLICT") {
        await this.#board.say(by, "notAllowed", { reason: reasonOf(error) });
        return false;
      }
      const now = await approvalService.get(approval.id);
      await Promise.all([
        this.#board.say(by, "alreadyDecided"),
        now === undefined ? undefined : this.decided(now),
      ]);
      return true;
    }
  }
}

type ApprovalKeyboard = KeyboardOf<"approval">;

function approvalCard(approval: Approval, { subject, token, verdict }: Keyboard, say: Say): Card {
  if (approval.kind !== "question") return callCard(approval, { say, token, verdict });
  const { answered = [], ticked = [] } = subject.kind === "approval" ? subject : {};
  return questionCard(approval, answered, ticked, { say, token, verdict });
}

function verdictOf({ status, decision, kind }: Approval, say: Say): string {
  if (status === "expired") return `⌛ ${say("expired")}`;
  if (status === "withdrawn" || decision === undefined) return `↩ ${say("withdrawn")}`;
  const { channel, who: name } = decision.by;
  const who = channel === "telegram" ? name : `${name} (${channel})`;
  if (status === "denied") return `❌ ${say("deniedBy", { who })}`;
  if (kind === "question") return `✅ ${say("answeredBy", { who })}`;
  return `✅ ${say(decision.scope === "session" ? "approvedSessionBy" : "approvedBy", { who })}`;
}
