import type { TurnOptions } from "@claudeway/core";
import type { ChatMessage } from "./messages.js";
import type { ChatModel } from "./models.js";

/** A request of a chat client, in no dialect. */
export interface ChatRequest {
  readonly keyId: string;
  readonly model: ChatModel;
  readonly system: string | undefined;
  /** The last one is the user's: the prompt. What is before it is the history. */
  readonly messages: readonly ChatMessage[];
  /** The client's own id of the conversation: conversations with different ids never share a session. */
  readonly conversationId: string | undefined;
  readonly effort: TurnOptions["effort"];
  /** The JSON Schema of the answer. */
  readonly schema: Readonly<Record<string, unknown>> | undefined;
  readonly metadata: Readonly<Record<string, string>> | undefined;
}
