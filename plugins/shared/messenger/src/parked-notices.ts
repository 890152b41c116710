import type { Approval, Approvals, PluginScope } from "@claudeway/core";
import { line, MAX_VERDICT } from "./cards.js";
import { unlessRejected } from "./failures.js";
import type { Messenger } from "./messenger.js";
import { deciderIn, verdictOf } from "./news.js";
import { withUser } from "./spans.js";
import type { State } from "./state.js";
import type { Say } from "./texts.js";

export interface ParkedNoticesOptions {
  readonly messenger: Messenger;
  readonly state: State;
  readonly say: Say;
  readonly approvalService: Pick<Approvals, "get">;
  readonly scope: Pick<PluginScope, "log">;
}

/** Messages that say what a parked turn waits for, and later how it was decided. */
export class ParkedNotices {
  /** Messages that are being edited. */
  readonly #editing = new Set<string>();

  constructor(private readonly options: ParkedNoticesOptions) {}

  /** Records the message, which may be decided already. */
  async posted(turnId: string, approvalId: string, messageId: string): Promise<void> {
    const { state } = this.options;
    const parked = state.parked(turnId);
    if (parked === undefined) return;
    state.setParked(turnId, { ...parked, notice: { messageId, approvalId } });
    await state.saved();
    await this.settle(turnId);
  }

  /** Whether a message says that the turn waits for this approval. */
  isPosted(turnId: string, approvalId: string): boolean {
    return this.options.state.parked(turnId)?.notice?.approvalId === approvalId;
  }

  /** Shows the decision if there is one, also one that was made while the plugin was off, or at another gateway. */
  async settle(turnId: string): Promise<void> {
    const { state, approvalService } = this.options;
    const notice = state.parked(turnId)?.notice;
    if (notice === undefined) return;
    const approval = await approvalService.get(notice.approvalId);
    if (approval !== undefined) await this.decided(approval);
  }

  async decided(approval: Approval): Promise<void> {
    const { state, messenger, say, scope } = this.options;
    const { notice } = state.parked(approval.turnId) ?? {};
    if (notice?.approvalId !== approval.id || approval.status === "pending") return;
    const { messageId } = notice;
    if (this.#editing.has(messageId)) return;
    this.#editing.add(messageId);
    try {
      const verdict = line(verdictOf(approval, say, messenger.name), MAX_VERDICT, messenger.sizes);
      const text = approval.status === "withdrawn" ? verdict : `${verdict}. ${say("goesOn")}`;
      const spans = withUser(text, deciderIn(messenger.name, approval));
      await unlessRejected(scope, messenger.edit(messageId, { spans }));
      this.#forget(approval.turnId, messageId);
      await state.saved();
    } finally {
      this.#editing.delete(messageId);
    }
  }

  /** Meanwhile the turn may have ended, or wait for something else. */
  #forget(turnId: string, messageId: string): void {
    const parked = this.options.state.parked(turnId);
    if (parked?.notice?.messageId !== messageId) return;
    const { notice: _shown, ...rest } = parked;
    this.options.state.setParked(turnId, rest);
  }
}
