import type { HistoryBlock } from "@claudeway/core";

/** A message of a chat. Neighbours have different roles, the first one is the user's, and none is empty. */
export interface ChatMessage {
  readonly role: "user" | "assistant";
  /** Of the assistant, text and calls. */
  readonly content: readonly HistoryBlock[];
}
