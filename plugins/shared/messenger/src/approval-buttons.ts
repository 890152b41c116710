import type { Approval, Approvals, Decision, PluginScope } from "@claudeway/core";
import { attempt, type Background } from "./background.js";
import { type Board, newToken } from "./board.js";
import { callCard, questionCard } from "./cards.js";
import { codeOf, isRejected } from "./failures.js";
import type { Message, Messenger, Press } from "./messenger.js";
import { deciderIn, verdictOf } from "./news.js";
import { answersOf, questionsOf } from "./questions.js";
import type { State } from "./state.js";
import type { Card, CardOf } from "./state-entries.js";
import type { Say } from "./texts.js";

export interface ApprovalButtonsOptions {
  readonly messenger: Messenger;
  readonly state: State;
  readonly say: Say;
  readonly approvalService: Approvals;
  readonly board: Board;
  readonly background: Background;
  readonly scope: Pick<PluginScope, "log" | "signal">;
  /** The conversation for approvals of sessions from outside this chat; undefined if they are not shown. */
  readonly homeKey: string | undefined;
}

const PENDING_AT_ONCE = 200;
/** Milliseconds before a request is shown again that the messenger has refused. */
const REFUSED_MS = 60_000;

/** A press on a question: its number, and the option, or `k` to finish it. */
const ON_QUESTION = /^q(\d+)(?:k|o(\d+))$/;

/** Pending approvals (calls and questions), decided by a button or by a written answer. */
export class ApprovalButtons {
  readonly #board: Board;
  /** When the messenger refused to show a pending call. */
  readonly #refused = new Map<string, number>();
  /** Questions whose answers are being decided, by token. */
  readonly #deciding = new Set<string>();

  constructor(private readonly options: ApprovalButtonsOptions) {
    this.#board = options.board;
  }

  /** Shows a pending call, once. */
  asked(approval: Approval): Promise<void> {
    return this.#board.inOrder(approval.id, async () => {
      const { state, approvalService, homeKey } = this.options;
      if (state.cardOf(approval.id) !== undefined) return;
      // It may have waited long to be shown.
      if ((await approvalService.get(approval.id))?.status !== "pending") return;
      const key = state.keyOfSession(approval.sessionId) ?? homeKey;
      if (key === undefined) return;
      const subject = { kind: "approval", approvalId: approval.id } as const;
      const card = { token: newToken(), messageId: "", subject };
      await this.#board.post(card, key, this.#messageOf(approval, card));
    });
  }

  /** A call was decided, here or elsewhere: removes the buttons and says by whom. */
  decided(approval: Approval): Promise<void> {
    return this.#board.inOrder(approval.id, async () => {
      const { state, say, messenger } = this.options;
      const card = state.cardOf(approval.id);
      if (card === undefined || approval.status === "pending") return;
      const decided = { ...card, verdict: verdictOf(approval, say, messenger.name) };
      await this.#board.settle(decided, this.#messageOf(approval, decided));
    });
  }

  /** After a start: shows requests and decisions that were missed. */
  async reconcile(): Promise<void> {
    const { approvalService, state, scope } = this.options;
    const { approvals } = await approvalService.list({ status: "pending", page: 1, limit: PENDING_AT_ONCE });
    const pending = new Set(approvals.map(({ id }) => id));
    for (const { token, subject } of state.cards) {
      if (subject.kind !== "approval" || pending.has(subject.approvalId)) continue;
      await attempt(scope, "showing a decision", async () => {
        const approval = await approvalService.get(subject.approvalId);
        if (approval === undefined) state.endCard(token);
        else await this.decided(approval);
      });
    }
    for (const id of this.#refused.keys()) if (!pending.has(id)) this.#refused.delete(id);
    for (const approval of approvals.toReversed()) {
      await attempt(scope, "asking", () => this.#askedAgain(approval));
      await attempt(scope, "deciding a question", () => this.#decideAnswered(approval));
    }
  }

  /** Decides with answers that were stored by a gateway that ended before it had decided. */
  async #decideAnswered(approval: Approval): Promise<void> {
    const card = this.#open(this.options.state.cardOf(approval.id)?.token ?? "");
    const { answered = [], answeredBy: from } = card?.subject ?? {};
    const last = answered.at(-1);
    if (card === undefined || from === undefined || last === undefined) return;
    if (answered.length < questionsOf(approval).length || this.#deciding.has(card.token)) return;
    const subject = { ...card.subject, answered: answered.slice(0, -1) };
    await this.#answer({ ...card, subject }, approval, last, { from });
  }

  async #askedAgain(approval: Approval): Promise<void> {
    if (Date.now() - (this.#refused.get(approval.id) ?? 0) < REFUSED_MS) return;
    await this.asked(approval).catch((error: unknown) => {
      if (isRejected(error)) this.#refused.set(approval.id, Date.now());
      throw error;
    });
  }

  /** An allowed user pressed a button of this message. */
  async pressed(press: Press, card: ApprovalCard, action: string): Promise<void> {
    const approval = await this.options.approvalService.get(card.subject.approvalId);
    if (approval === undefined) return this.#board.refuse(press, "staleButton");
    if (action === "a" || action === "s") {
      if (approval.kind === "question") return this.#board.refuse(press, "staleButton");
      const scope = action === "s" ? "session" : "once";
      return void (await this.#decide(approval, press, { decision: "allow", scope }));
    }
    if (action === "d") return void (await this.#decide(approval, press, { decision: "deny" }));
    return this.#pressedOption(press, card, approval, action);
  }

  /** Treats a message as the answer to a question that is shown there. False if none is open. */
  async answeredByText(isThere: (card: Card) => boolean, text: string, by: Press): Promise<boolean> {
    for (const card of this.options.state.cards.toReversed()) {
      if (isThere(card) && (await this.#answeredBy(card, text, by))) return true;
    }
    return false;
  }

  /** Whether a question is shown there that waits for an answer. */
  async isAsked(isThere: (card: Card) => boolean): Promise<boolean> {
    for (const card of this.options.state.cards) {
      if (isThere(card) && (await this.#askedBy(card)) !== undefined) return true;
    }
    return false;
  }

  async #askedBy({ subject, token }: Card) {
    if (subject.kind !== "approval" || this.#open(token) === undefined) return undefined;
    const approval = await this.options.approvalService.get(subject.approvalId);
    const open = this.#open(token);
    if (approval?.kind !== "question" || approval.status !== "pending" || open === undefined)
      return undefined;
    // Another answer to its last question is being decided.
    if ((open.subject.answered ?? []).length >= questionsOf(approval).length) return undefined;
    return { open, approval };
  }

  async #answeredBy(card: Card, text: string, by: Press): Promise<boolean> {
    const asked = await this.#askedBy(card);
    if (asked === undefined) return false;
    const { open, approval } = asked;
    // It is taken: an error must not have it delivered again, as the answer to the next question. And nothing that comes
    // after it must wait until the messenger accepts what is shown.
    const { background, state } = this.options;
    background.run("showing an answer to a question", () => this.#answer(open, approval, text, by));
    await state.saved();
    return true;
  }

  /** The card as it is now, which another press may have changed; undefined if it is decided, or gone. */
  #open(token: string): ApprovalCard | undefined {
    const card = this.options.state.card(token);
    if (card?.subject.kind !== "approval" || card.verdict !== undefined) return undefined;
    return { ...card, subject: card.subject };
  }

  async #pressedOption(press: Press, { token }: ApprovalCard, approval: Approval, action: string) {
    const card = this.#open(token);
    // What waits to be shown on it may be the decision.
    if (card === undefined || approval.status !== "pending")
      return this.#board.refuse(press, "alreadyDecided");
    const { answered = [], ticked = [] } = card.subject;
    const [, number, option] = ON_QUESTION.exec(action) ?? [];
    const question = questionsOf(approval)[answered.length];
    if (question === undefined || Number(number) !== answered.length)
      return this.#board.refuse(press, "staleButton");
    if (question.many && option === undefined && ticked.length > 0)
      return this.#answer(card, approval, ticked.join(", "), press);
    const label = option === undefined ? undefined : question.options[Number(option)]?.label;
    if (label === undefined) return this.#board.refuse(press, "staleButton");
    if (!question.many) return this.#answer(card, approval, label, press);
    const now = ticked.includes(label) ? ticked.filter((one) => one !== label) : [...ticked, label];
    await this.#redraw({ ...card, subject: { ...card.subject, ticked: now } }, approval);
    await this.#board.say(press, "pressed");
  }

  /** Records the answer of the open question, then shows the next one or decides. */
  async #answer(card: ApprovalCard, approval: Approval, answer: string, by: Press): Promise<void> {
    const { ticked: _ticked, ...subject } = card.subject;
    const answered = [...(subject.answered ?? []), answer];
    const next = { ...card, subject: { ...subject, answered, answeredBy: by.from } };
    this.options.state.setCard(next);
    const questions = questionsOf(approval);
    if (answered.length >= questions.length) {
      const decision = { decision: "allow", updatedInput: answersOf(questions, answered) } as const;
      this.#deciding.add(card.token);
      try {
        // If the decision did not count, the last question stays open, unless it was decided elsewhere meanwhile.
        if ((await this.#decide(approval, by, decision)) || this.#open(card.token) === undefined) return;
        return this.options.state.setCard(card);
      } finally {
        this.#deciding.delete(card.token);
      }
    }
    await this.#redraw(next, approval);
    await this.#board.say(by, "pressed");
  }

  /** Shows a question as it is now, unless it is decided by the time its turn comes. */
  async #redraw(card: Card, approval: Approval): Promise<void> {
    const { state, messenger, homeKey } = this.options;
    state.setCard(card);
    const message = this.#messageOf(approval, card);
    await this.#board.inOrder(approval.id, async () => {
      if (this.#open(card.token) === undefined || (await messenger.edit(card.messageId, message))) return;
      // Its message was deleted: what is asked next would wait unseen.
      const key = card.key ?? state.keyOfSession(approval.sessionId) ?? homeKey;
      if (key === undefined) return;
      const again = { ...card, token: newToken() };
      await this.#board.post(again, key, this.#messageOf(approval, again));
      state.endCard(card.token);
    });
  }

  async #decide(approval: Approval, by: Press, decision: Decision): Promise<boolean> {
    const { approvalService, messenger } = this.options;
    const decider = { channel: messenger.name, who: by.from.name, from: by.from.from };
    let text: "pressed" | "alreadyDecided" = "pressed";
    let now: Approval | undefined;
    try {
      now = await approvalService.decide(approval.id, decision, decider);
    } catch (error) {
      if (codeOf(error) !== "CONFLICT") {
        await this.#board.failed(by, error);
        return false;
      }
      text = "alreadyDecided";
      now = await approvalService.get(approval.id);
    }
    await Promise.all([this.#board.say(by, text), now && this.decided(now)]);
    return true;
  }

  #messageOf(approval: Approval, { subject, token, verdict }: Card): Message {
    const { say, messenger } = this.options;
    const who = deciderIn(messenger.name, approval);
    const options = { say, token, verdict, who, sizes: messenger.sizes };
    if (approval.kind !== "question") return callCard(approval, options);
    const { answered = [], ticked = [] } = subject.kind === "approval" ? subject : {};
    return questionCard(approval, answered, ticked, options);
  }
}

type ApprovalCard = CardOf<"approval">;
