import type { Approvals, LedgerView, PluginScope, TurnRunner } from "@claudeway/core";
import type { Answers } from "./answers.js";
import { attempt } from "./background.js";
import { type Board, newToken } from "./board.js";
import { denialsCard, MAX_DENIED_SHOWN } from "./cards.js";
import { codeOf, reasonOf, unlessRejected } from "./failures.js";
import type { Message, Messenger, Press } from "./messenger.js";
import type { State } from "./state.js";
import type { CardOf } from "./state-entries.js";
import type { Say } from "./texts.js";
import type { ShownTurn, TurnResponse } from "./turn-shown.js";

export interface DenialButtonsOptions {
  readonly messenger: Pick<Messenger, "edit" | "sizes">;
  readonly state: State;
  readonly say: Say;
  readonly approvalService: Pick<Approvals, "list">;
  readonly turns: TurnRunner;
  readonly ledger: Pick<LedgerView, "response">;
  readonly answers: Answers;
  readonly board: Board;
  /** The conversation for denials of sessions from outside this chat; undefined if they are not shown. */
  readonly homeKey: string | undefined;
  readonly scope: Pick<PluginScope, "log" | "signal">;
}

const APPROVALS_LOOKED_AT = 200;
const MAX_DENIED = 500;
/** Cards of one turn: a model that repeats what is denied must not flood the chat. */
const MAX_CARDS_OF_TURN = 10;

/** Denied calls of a turn in `deny` mode: approving lets exactly these run, once. */
export class DenialButtons {
  readonly #board: Board;
  /** Turns whose denials are shown, oldest first. */
  readonly #denied = new Set<string>();

  constructor(private readonly options: DenialButtonsOptions) {
    this.#board = options.board;
  }

  /** Shows a turn's denied calls, unless the approval service was asked about them. */
  async denied(
    turn: Pick<ShownTurn, "turnId" | "sessionId" | "keyId">,
    response: TurnResponse,
  ): Promise<void> {
    const { approvalService, state, say, homeKey, messenger, scope } = this.options;
    // Both the reader of the answer and the hook may report it.
    if (this.#denied.has(turn.turnId)) return;
    this.#denied.add(turn.turnId);
    for (const oldest of this.#denied) {
      if (this.#denied.size <= MAX_DENIED) break;
      this.#denied.delete(oldest);
    }
    const { approvals } = await approvalService.list({
      sessionId: turn.sessionId,
      page: 1,
      limit: APPROVALS_LOOKED_AT,
    });
    const asked = new Set(approvals.map(({ toolUseId }) => toolUseId));
    const denials = (response.permission_denials ?? []).filter(
      ({ tool_use_id: id, approvable }) => approvable !== false && !asked.has(id),
    );
    if (denials.length === 0) return;
    const { turnId, sessionId, keyId } = turn;
    const key = state.keyOfSession(sessionId) ?? homeKey;
    if (key === undefined) return;
    const most = MAX_CARDS_OF_TURN * MAX_DENIED_SHOWN;
    for (let from = 0; from < Math.min(denials.length, most); from += MAX_DENIED_SHOWN) {
      const shown = denials.slice(from, from + MAX_DENIED_SHOWN);
      const rest = from + MAX_DENIED_SHOWN === most ? denials.length - most : 0;
      const toolUseIds = shown.map(({ tool_use_id: id }) => id);
      const subject = { kind: "denials", keyId, sessionId, turnId, toolUseIds } as const;
      const card = { token: newToken(), messageId: "", subject };
      const message = denialsCard(shown, { say, token: card.token, sizes: messenger.sizes }, rest);
      await attempt(scope, "showing denied calls", () =>
        this.#board.inOrder(card.token, () => this.#board.post(card, key, message)),
      );
    }
  }

  /** Removes calls that were approved through the API; with the last one of a card, its buttons. */
  async approvedElsewhere(keyId: string, { approved = [] }: TurnResponse): Promise<void> {
    if (approved.length === 0) return;
    const ids = new Set(approved.map(({ tool_use_id: id }) => id));
    const { say } = this.options;
    await this.#board.posted();
    for (const card of this.options.state.cards) {
      const { subject, verdict } = card;
      if (subject.kind !== "denials" || verdict !== undefined) continue;
      const shown = shownOf(subject);
      const left = shown.filter((id) => !ids.has(id));
      if (left.length === shown.length) continue;
      const outcome = withoutRun(say("approvedBy", { who: keyId }), approved, shown, say);
      if (left.length === 0) await this.#settleDenials({ ...card, subject }, outcome);
      else await this.#reduce({ ...card, subject: { ...subject, toolUseIds: left } });
    }
  }

  /** After a start: shows decisions that were not shown before the stop. */
  async reconcile(): Promise<void> {
    for (const card of this.options.state.cards) {
      const { subject, verdict } = card;
      if (subject.kind !== "denials" || verdict === undefined) continue;
      await attempt(this.options.scope, "showing a decision", () =>
        this.#settleDenials({ ...card, subject }, verdict),
      );
    }
  }

  /** An allowed user pressed a button of this message. */
  async pressed(press: Press, card: DenialsCard, action: string): Promise<void> {
    const { say, state, turns, answers, scope, homeKey } = this.options;
    if (action !== "a" && action !== "d") return this.#board.refuse(press, "staleButton");
    const who = press.from.name;
    const verdict = say(action === "a" ? "approvedBy" : "deniedBy", { who });
    // From here on a second press finds it decided, even after a restart.
    const decided = { ...card, verdict, who };
    state.setCard(decided);
    await state.saved();
    scope.log.info({ turn_id: card.subject.turnId, user_id: press.from.id }, `denied calls: ${verdict}`);
    const { keyId, sessionId } = card.subject;
    const toolUseIds = shownOf(card.subject);
    if (action === "d")
      return void (await Promise.all([
        this.#board.say(press, "pressed"),
        this.#settleDenials(decided, verdict),
      ]));
    const handle = await turns.approve(keyId, sessionId, toolUseIds).catch((error: unknown) => {
      if (scope.signal.aborted) throw error;
      return this.#notApproved(press, card, error);
    });
    // From here on they may run: no failure to show that makes them open again.
    if (handle === undefined) return;
    const key = state.keyOfSession(sessionId) ?? homeKey ?? "";
    const shown = { turnId: handle.id, sessionId, keyId, key, messageId: card.messageId };
    answers.expect(shown);
    const following = answers.follow(handle, shown);
    await Promise.all([this.#board.say(press, "pressed"), this.#settleDenials(decided, verdict), following]);
    const { approved = [] } = await handle.answer;
    const outcome = withoutRun(verdict, approved, toolUseIds, say);
    if (outcome !== verdict) await this.#redraw(decided, outcome);
  }

  async #notApproved(press: Press, card: DenialsCard, error: unknown): Promise<undefined> {
    const { say, state } = this.options;
    await this.#board.failed(press, error);
    // Ran before, gone, or for others to decide: remove its buttons. Any other error may be temporary.
    if (["CONFLICT", "BAD_REQUEST", "FORBIDDEN", "NOT_FOUND"].includes(codeOf(error) ?? ""))
      await this.#settleDenials(card, say("notAllowed", { reason: reasonOf(error) }));
    else state.setCard(card);
  }

  /** Shows fewer calls, unless all of them are decided by the time its turn comes. */
  async #reduce(reduced: DenialsCard): Promise<void> {
    const { state, messenger, ledger, scope } = this.options;
    const { token, messageId, subject } = reduced;
    state.setCard(reduced);
    await state.saved();
    await this.#board.inOrder(token, async () => {
      // Without it the message would approve calls that it does not show.
      if ((await ledger.response(subject.turnId)) === undefined) return;
      const message = await this.#messageOf(reduced);
      const now = state.card(token);
      if (now === undefined || now.verdict !== undefined) return;
      await unlessRejected(scope, messenger.edit(messageId, message));
    });
  }

  async #settleDenials(card: DenialsCard, verdict: string): Promise<void> {
    const message = await this.#messageOf(card, verdict);
    await this.#board.inOrder(card.token, () => this.#board.settle({ ...card, verdict }, message));
  }

  /** Changes the verdict of a message whose buttons are gone. */
  async #redraw(card: DenialsCard, verdict: string): Promise<void> {
    const message = await this.#messageOf(card, verdict);
    await this.#board.inOrder(card.token, async () => {
      await this.options.messenger.edit(card.messageId, message);
    });
  }

  async #messageOf({ subject, token, who }: DenialsCard, verdict?: string): Promise<Message> {
    const { ledger, say, messenger } = this.options;
    const response = await ledger.response(subject.turnId);
    const shown = shownOf(subject);
    const denials = (response?.permission_denials ?? []).filter(({ tool_use_id: id }) => shown.includes(id));
    return denialsCard(denials, { say, token, verdict, who, sizes: messenger.sizes });
  }
}

/** The verdict, with the number of approved calls that did not run: a rule, or the model, may have been against it. */
function withoutRun(
  verdict: string,
  approved: NonNullable<TurnResponse["approved"]>,
  ids: readonly string[],
  say: Say,
): string {
  const count = approved.filter(({ tool_use_id: id, ran }) => !ran && ids.includes(id)).length;
  return count === 0 ? verdict : `${verdict}. ${say("didNotRun", { count })}`;
}

/** The calls that a card shows: one of an earlier version may name more. */
function shownOf({ toolUseIds }: DenialsCard["subject"]): readonly string[] {
  return toolUseIds.slice(0, MAX_DENIED_SHOWN);
}

type DenialsCard = CardOf<"denials">;
