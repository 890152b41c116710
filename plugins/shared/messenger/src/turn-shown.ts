export type { TurnResponse } from "@claudeway/core";

/** A turn whose answer is shown in this chat. */
export interface ShownTurn {
  readonly turnId: string;
  readonly sessionId: string;
  readonly keyId: string;
  /** The conversation. */
  readonly key: string;
  /** The message with the prompt. */
  readonly messageId: string;
}
