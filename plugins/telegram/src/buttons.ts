import { randomBytes } from "node:crypto";
import type { Approval, ApprovalDesk, Decision, LedgerView, PluginScope, TurnRunner } from "@claudeway/core";
import type { CallbackQuery, User } from "telegraf/types";
import type { Answers, ShownTurn, TurnResponse } from "./answers.js";
import { type Card, callCard, denialsCard, questionCard } from "./cards.js";
import type { Chat } from "./chat.js";
import { codeOf, reasonOf } from "./failures.js";
import { isChain, placeOf } from "./places.js";
import { answersOf, questionsOf } from "./questions.js";
import type { Keyboard, State } from "./state.js";
import type { Say } from "./texts.js";

export interface ButtonsOptions {
  readonly chat: Chat;
  readonly state: State;
  readonly say: Say;
  readonly desk: ApprovalDesk;
  readonly turns: TurnRunner;
  readonly ledger: Pick<LedgerView, "response">;
  readonly answers: Answers;
  /** The conversation where sessions from elsewhere are told of. */
  readonly homeKey: string;
  readonly scope: Pick<PluginScope, "log" | "signal">;
}

const PENDING_AT_ONCE = 200;
const MOST_DENIED = 500;
const DATA = /^([\w-]{16}):([adsk]|o\d{1,3})$/;

/** Decisions by button: each counts once, on its own message, from those who may. */
export class Buttons {
  /** Work on a card goes in order, so that a decision never comes before its question. */
  readonly #lines = new Map<string, Promise<void>>();
  /** Turns whose denials are shown, oldest first. */
  readonly #denied = new Set<string>();

  constructor(private readonly options: ButtonsOptions) {}

  /** A call waits: shows it, once. */
  asked(approval: Approval): Promise<void> {
    return this.#inOrder(approval.id, async () => {
      const { state, desk, homeKey } = this.options;
      if (state.keyboardOf(approval.id) !== undefined) return;
      // It may have waited long to be shown.
      if ((await desk.get(approval.id))?.status !== "pending") return;
      const key = state.keyOfSession(approval.sessionId) ?? homeKey;
      const keyboard = {
        token: newToken(),
        messageId: 0,
        subject: { kind: "approval", approvalId: approval.id },
      } as const;
      await this.#post(keyboard, key, approvalCard(approval, keyboard, this.options.say));
    });
  }

  /** A call was decided, by anybody anywhere: the buttons go, and the message says who it was. */
  decided(approval: Approval): Promise<void> {
    return this.#inOrder(approval.id, async () => {
      const { state, say } = this.options;
      const keyboard = state.keyboardOf(approval.id);
      if (keyboard === undefined || approval.status === "pending") return;
      const verdict = verdictOf(approval, say);
      await this.#settle({ ...keyboard, verdict }, approvalCard(approval, { ...keyboard, verdict }, say));
    });
  }

  /** A turn was denied calls: shows them, unless the desk was asked about them. */
  async denied(
    turn: Pick<ShownTurn, "turnId" | "sessionId" | "keyId">,
    response: TurnResponse,
  ): Promise<void> {
    const { desk, state, say, homeKey } = this.options;
    // Its answer's reader and the hook may both tell of it.
    if (this.#denied.has(turn.turnId)) return;
    this.#denied.add(turn.turnId);
    for (const oldest of this.#denied) {
      if (this.#denied.size <= MOST_DENIED) break;
      this.#denied.delete(oldest);
    }
    const { approvals } = await desk.list({ sessionId: turn.sessionId, page: 1, limit: PENDING_AT_ONCE });
    const asked = new Set(approvals.map(({ toolUseId }) => toolUseId));
    const denials = (response.permission_denials ?? []).filter(({ tool_use_id: id }) => !asked.has(id));
    if (denials.length === 0) return;
    const { turnId, sessionId, keyId } = turn;
    const toolUseIds = denials.map(({ tool_use_id: id }) => id);
    const subject = { kind: "denials", keyId, sessionId, turnId, toolUseIds } as const;
    const keyboard = { token: newToken(), messageId: 0, subject };
    const card = denialsCard(denials, { say, token: keyboard.token });
    await this.#inOrder(keyboard.token, () =>
      this.#post(keyboard, state.keyOfSession(sessionId) ?? homeKey, card),
    );
  }

  /** Calls were approved through the API: their buttons go. */
  async approvedElsewhere(keyId: string, { approved = [] }: TurnResponse): Promise<void> {
    const ids = new Set(approved.map(({ tool_use_id: id }) => id));
    for (const keyboard of this.options.state.keyboards) {
      const { subject, verdict } = keyboard;
      if (subject.kind !== "denials" || verdict !== undefined) continue;
      if (!subject.toolUseIds.some((id) => ids.has(id))) continue;
      await this.#settleDenials(keyboard, this.options.say("approvedBy", { who: keyId }));
    }
  }

  /** After a start: shows what was asked meanwhile, and what was decided. */
  async reconcile(): Promise<void> {
    const { desk, state } = this.options;
    const { approvals } = await desk.list({ status: "pending", page: 1, limit: PENDING_AT_ONCE });
    for (const keyboard of state.keyboards) {
      const { subject, verdict } = keyboard;
      if (subject.kind === "denials" && verdict !== undefined) await this.#settleDenials(keyboard, verdict);
      if (subject.kind !== "approval") continue;
      const approval = await desk.get(subject.approvalId);
      if (approval === undefined) state.endKeyboard(keyboard.token);
      else if (approval.status !== "pending") await this.decided(approval);
    }
    for (const approval of approvals.toReversed()) await this.asked(approval);
  }

  /** Somebody who may pressed a button. */
  async pressed(press: CallbackQuery): Promise<void> {
    const [, token = "", action = ""] = DATA.exec("data" in press ? press.data : "") ?? [];
    const keyboard = this.options.state.keyboard(token);
    const valid = keyboard !== undefined && keyboard.messageId === press.message?.message_id;
    if (!valid || keyboard.verdict !== undefined)
      return this.#refuse(press, valid ? "alreadyDecided" : "staleButton");
    const { subject } = keyboard;
    if (subject.kind === "denials") return this.#pressedDenials(press, { ...keyboard, subject }, action);
    const approval = await this.options.desk.get(subject.approvalId);
    if (approval === undefined) return this.#refuse(press, "staleButton");
    if (action === "a" || action === "s") {
      if (approval.kind === "question") return this.#refuse(press, "staleButton");
      const scope = action === "s" ? "session" : "once";
      return void (await this.#decide(approval, press, { decision: "allow", scope }));
    }
    if (action === "d") return void (await this.#decide(approval, press, { decision: "deny" }));
    return this.#pressedOption(press, { ...keyboard, subject }, approval, action);
  }

  /** A reply to a question is its answer. False: the message is no question of ours. */
  async answeredByText(messageId: number, text: string, user: User): Promise<boolean> {
    const keyboard = this.options.state.keyboards.find((one) => one.messageId === messageId);
    if (keyboard?.subject.kind !== "approval" || keyboard.verdict !== undefined) return false;
    const { subject } = keyboard;
    const approval = await this.options.desk.get(subject.approvalId);
    if (approval?.kind !== "question" || approval.status !== "pending") return false;
    await this.#answer({ ...keyboard, subject }, approval, text, { from: user });
    return true;
  }

  async #pressedOption(press: CallbackQuery, keyboard: ApprovalKeyboard, approval: Approval, action: string) {
    const { answered = [], ticked = [] } = keyboard.subject;
    const question = questionsOf(approval)[answered.length];
    const label = question?.options[Number(action.slice(1))]?.label;
    if (question === undefined) return this.#refuse(press, "staleButton");
    if (!question.many && label !== undefined) return this.#answer(keyboard, approval, label, press);
    if (question.many && action === "k" && ticked.length > 0) {
      return this.#answer(keyboard, approval, ticked.join(", "), press);
    }
    if (!question.many || label === undefined) return this.#refuse(press, "staleButton");
    const now = ticked.includes(label) ? ticked.filter((one) => one !== label) : [...ticked, label];
    await this.#redraw({ ...keyboard, subject: { ...keyboard.subject, ticked: now } }, approval);
    await this.#say(press, "pressed");
  }

  /** The open question has its answer: goes on to the next one, or decides. */
  async #answer(keyboard: ApprovalKeyboard, approval: Approval, answer: string, by: Press): Promise<void> {
    const { ticked: _ticked, ...subject } = keyboard.subject;
    const answered = [...(subject.answered ?? []), answer];
    const next = { ...keyboard, subject: { ...subject, answered } };
    this.options.state.setKeyboard(next);
    const questions = questionsOf(approval);
    if (answered.length >= questions.length) {
      const decision = { decision: "allow", updatedInput: answersOf(questions, answered) } as const;
      // Where it did not count, the last question stays open.
      if (!(await this.#decide(approval, by, decision))) this.options.state.setKeyboard(keyboard);
      return;
    }
    await this.#redraw(next, approval);
    await this.#say(by, "pressed");
  }

  async #redraw(keyboard: ApprovalKeyboard, approval: Approval): Promise<void> {
    const { state, say, chat } = this.options;
    state.setKeyboard(keyboard);
    const { html, keyboard: buttons } = approvalCard(approval, keyboard, say);
    await this.#inOrder(approval.id, async () => {
      await chat.edit(keyboard.messageId, html, { keyboard: buttons });
    });
  }

  async #decide(approval: Approval, by: Press, decision: Decision): Promise<boolean> {
    const { desk, chat } = this.options;
    const decider = {
      channel: "telegram",
      who: nameOf(by.from),
      from: `chat ${chat.id}, user ${by.from.id}`,
    };
    try {
      const decided = await desk.decide(approval.id, decision, decider);
      await Promise.all([this.#say(by, "pressed"), this.decided(decided)]);
      return true;
    } catch (error) {
      if (codeOf(error) !== "CONFLICT") {
        await this.#say(by, "notAllowed", { reason: reasonOf(error) });
        return false;
      }
      const now = await desk.get(approval.id);
      await Promise.all([this.#say(by, "alreadyDecided"), now === undefined ? undefined : this.decided(now)]);
      return true;
    }
  }

  async #pressedDenials(press: CallbackQuery, keyboard: DenialsKeyboard, action: string): Promise<void> {
    const { say, state, turns, answers, scope, homeKey } = this.options;
    if (action !== "a" && action !== "d") return this.#refuse(press, "staleButton");
    const who = nameOf(press.from);
    const verdict = say(action === "a" ? "approvedBy" : "deniedBy", { who });
    // From here on a second press finds it decided, also after a restart.
    state.setKeyboard({ ...keyboard, verdict });
    await state.saved();
    scope.log.info({ turn_id: keyboard.subject.turnId, user_id: press.from.id }, `denied calls: ${verdict}`);
    const { keyId, sessionId, toolUseIds } = keyboard.subject;
    if (action === "d")
      return void (await Promise.all([this.#say(press, "pressed"), this.#settleDenials(keyboard, verdict)]));
    try {
      const handle = await turns.approve(keyId, sessionId, toolUseIds);
      const key = state.keyOfSession(sessionId) ?? homeKey;
      const shown = { turnId: handle.id, sessionId, keyId, key, messageId: keyboard.messageId };
      answers.expect(shown);
      const following = answers.follow(handle, shown);
      await Promise.all([this.#say(press, "pressed"), this.#settleDenials(keyboard, verdict), following]);
    } catch (error) {
      if (scope.signal.aborted) throw error;
      await this.#say(press, "notAllowed", { reason: reasonOf(error) });
      // Ran before, or gone: its buttons go. Anything else may work later.
      if (["CONFLICT", "BAD_REQUEST", "NOT_FOUND"].includes(codeOf(error) ?? "")) {
        return this.#settleDenials(keyboard, say("notAllowed", { reason: reasonOf(error) }));
      }
      state.setKeyboard(keyboard);
    }
  }

  async #settleDenials(keyboard: Keyboard, verdict: string): Promise<void> {
    const { subject, token } = keyboard;
    if (subject.kind !== "denials") return;
    const { ledger, say } = this.options;
    const response = await ledger.response(subject.turnId);
    const denials = (response?.permission_denials ?? []).filter((one) =>
      subject.toolUseIds.includes(one.tool_use_id),
    );
    const card = denialsCard(denials, { say, token, verdict });
    await this.#inOrder(token, () => this.#settle({ ...keyboard, verdict }, card));
  }

  async #post(keyboard: Keyboard, key: string, { html, keyboard: buttons }: Card): Promise<void> {
    const { chat, state } = this.options;
    const place = placeOf(key, isChain(key) ? state.lastOf(key) : undefined);
    const messageId = await chat.send(html, place, { keyboard: buttons });
    state.setKeyboard({ ...keyboard, messageId });
    if (isChain(key)) state.link(messageId, key);
    await state.saved();
  }

  /** The decision is on the message before it is forgotten here. */
  async #settle(keyboard: Keyboard, { html }: Card): Promise<void> {
    const { chat, state } = this.options;
    state.setKeyboard(keyboard);
    await chat.edit(keyboard.messageId, html);
    state.endKeyboard(keyboard.token);
    await state.saved();
  }

  #refuse(press: CallbackQuery, text: "staleButton" | "alreadyDecided"): Promise<void> {
    const { id, username } = press.from;
    this.options.scope.log.warn({ user_id: id, username }, `a button press was turned away: ${text}`);
    return this.#say(press, text);
  }

  async #say(by: Press, text: Parameters<Say>[0], values?: Parameters<Say>[1]): Promise<void> {
    if (by.id !== undefined) await this.options.chat.answerPress(by.id, this.options.say(text, values));
  }

  #inOrder(line: string, work: () => Promise<void>): Promise<void> {
    const before = this.#lines.get(line) ?? Promise.resolve();
    const done = before.then(work, work);
    const settled = done
      .catch(() => undefined)
      .finally(() => {
        if (this.#lines.get(line) === settled) this.#lines.delete(line);
      });
    this.#lines.set(line, settled);
    return done;
  }
}

type SubjectOf<Kind> = Extract<Keyboard["subject"], { readonly kind: Kind }>;
type ApprovalKeyboard = Keyboard & { readonly subject: SubjectOf<"approval"> };
type DenialsKeyboard = Keyboard & { readonly subject: SubjectOf<"denials"> };

/** Who decides; `id` is that of the press, where there was one. */
interface Press {
  readonly id?: string;
  readonly from: User;
}

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

/** A person as the others in the chat know them. */
export function nameOf({ first_name, last_name, username, id }: User): string {
  const name = [first_name, last_name].filter(Boolean).join(" ").trim().slice(0, 64) || String(id);
  return username === undefined ? name : `${name} (@${username})`;
}

function newToken(): string {
  return randomBytes(12).toString("base64url");
}
