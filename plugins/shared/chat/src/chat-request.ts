import type { TurnOptions } from "@claudeway/core";
import type { ChatMessage } from "./chat-message.js";
import { type Fields, invalid, textAt } from "./fields.js";
import { type ChatModel, toModel } from "./models.js";
import type { OfferedTools } from "./tool-choice.js";

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
  readonly thinking: TurnOptions["thinking"];
  /** Whether the client asked to be sent the model's thinking. */
  readonly showsThinking: boolean;
  /** The JSON Schema of the answer. */
  readonly schema: Readonly<Record<string, unknown>> | undefined;
  /** The client's name for the field of that schema, for errors. */
  readonly schemaParam: string;
  /** The client's tools that the model may call. */
  readonly tools: OfferedTools | undefined;
}

/** What a request is read with, beside its body. */
export interface RequestSource<Config extends object> {
  readonly headers: RequestHeaders;
  readonly keyId: string;
  readonly config: Config;
  readonly aliases: Readonly<Record<string, string>>;
}

/** What of a request a dialect reads in its own way. */
export interface ReadBody
  extends ReadMessages,
    Pick<ChatRequest, "effort" | "thinking" | "showsThinking" | "schema" | "schemaParam" | "tools"> {
  /** What may be the client's id of the conversation. */
  readonly ids: readonly unknown[];
}

/** A request from its body, and what the dialect read from it. */
export function toChatRequest(
  { headers, keyId, aliases }: RequestSource<object>,
  body: Fields,
  { ids, ...read }: ReadBody,
): ChatRequest {
  const model = toModel(modelIn(body), aliases);
  return { ...read, keyId, model, conversationId: conversationIdOf(headers, ids) };
}

function modelIn({ model }: Fields): string {
  const name = textAt(model, "model");
  if (name !== "" && name !== "claude-code/") return name;
  throw invalid("model", "must be the name of a model, such as sonnet or claude-code/sonnet");
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
function conversationIdOf(headers: RequestHeaders, others: readonly unknown[]): string | undefined {
  const ids = [headers["x-openwebui-chat-id"], headers["x-session-id"], ...others];
  const id = ids.find((one) => typeof one === "string" && one !== "");
  return typeof id === "string" ? id.slice(0, MAX_ID) : undefined;
}
