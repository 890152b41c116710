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

/** What a request says: its system prompt, and its messages. */
export interface ReadMessages {
  readonly system: string | undefined;
  readonly messages: readonly ChatMessage[];
}

/** What of a request's headers matters. */
export interface RequestHeaders {
  readonly [name: string]: string | readonly string[] | undefined;
}

const MAX_ID = 256;

/** The client's own id of the conversation: from a header, or the first of `others`. */
export function conversationIdOf(headers: RequestHeaders, others: readonly unknown[]): string | undefined {
  const ids = [headers["x-openwebui-chat-id"], headers["x-session-id"], ...others];
  const id = ids.find((one) => typeof one === "string" && one !== "");
  return typeof id === "string" ? id.slice(0, MAX_ID) : undefined;
}
