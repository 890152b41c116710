import type { ApprovalButtons } from "./approval-buttons.js";
import type { Board } from "./board.js";
import type { DenialButtons } from "./denial-buttons.js";
import type { ButtonPress } from "./messenger.js";
import type { State } from "./state.js";

export interface ButtonRouterOptions {
  readonly state: State;
  readonly board: Board;
  readonly approvals: ApprovalButtons;
  readonly denials: DenialButtons;
}

const DATA = /^([\w-]{16}):([ads]|q\d{1,3}(?:k|o\d{1,3}))$/;

/** Routes a button press to its message. Each button counts once, and only on its own message. */
export class ButtonRouter {
  constructor(private readonly options: ButtonRouterOptions) {}

  /** An allowed user pressed a button. */
  async pressed(press: ButtonPress): Promise<void> {
    const { state, board, approvals, denials } = this.options;
    const [, token = "", action = ""] = DATA.exec(press.data) ?? [];
    await board.posted(token);
    const card = state.card(token);
    if (card === undefined || card.messageId !== press.messageId) return board.refuse(press, "staleButton");
    const { subject, verdict } = card;
    if (verdict !== undefined) return board.refuse(press, "alreadyDecided");
    if (subject.kind === "denials") return denials.pressed(press, { ...card, subject }, action);
    return approvals.pressed(press, { ...card, subject }, action);
  }
}
