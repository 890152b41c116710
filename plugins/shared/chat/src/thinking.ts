import type { TurnOptions } from "@claudeway/core";
import type { ChatRequest } from "./chat-request.js";

/** What a request says of the model's thinking. */
export type ThinkingWish = Pick<ChatRequest, "thinking" | "showsThinking">;

type Thinking = NonNullable<TurnOptions["thinking"]>;

/** The request says nothing of it: Claude Code's own way, which clients do not see. */
export const UNSAID: ThinkingWish = { thinking: undefined, showsThinking: false };

export const NO_THINKING: ThinkingWish = { thinking: { type: "disabled" }, showsThinking: false };

/** The model thinks, and the client is shown what; some models are shown as a summary only. */
export function shown(
  thinking: Exclude<Thinking, { readonly type: "disabled" }> = { type: "adaptive" },
): ThinkingWish {
  return { thinking: { ...thinking, display: "summarized" }, showsThinking: true };
}
