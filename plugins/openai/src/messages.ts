import {
  type ChatMessage,
  type Fields,
  fieldsAt,
  invalid,
  listAt,
  nameOf,
  type ReadMessages,
  textAt,
  toChat,
} from "@claudeway/chat";
import type { ContentBlock } from "@claudeway/core";
import { contentAt } from "./content.js";

/** A message of a request, and what its client calls it. */
export interface MessageEntry {
  readonly message: unknown;
  readonly at: string;
  /** Of its content, if that is not `content` below it. */
  readonly contentAt?: string;
}

/** The messages of a chat completion. */
export function entriesOf(messages: unknown): MessageEntry[] {
  return listAt(messages, "messages").map((message, index) => ({ message, at: `messages[${index}]` }));
}

/**
 * The messages of a request as a chat: system messages are its system prompt, wherever they are.
 * @param param the field that they are from
 */
export function readMessages(entries: readonly MessageEntry[], param: string): ReadMessages {
  const systems: string[] = [];
  const said: ChatMessage[] = [];
  for (const { message: item, at, contentAt: contentParam = `${at}.content` } of entries) {
    const message = fieldsAt(item, at);
    const { role } = message;
    const content = contentAt(message["content"], contentParam);
    if (role === "system" || role === "developer") systems.push(textOf(content, contentParam));
    else if (role === "user") said.push({ role, content });
    else if (role === "assistant")
      said.push({ role, content: answerOf(message, textOf(content, contentParam), at) });
    else if (role === "tool" || role === "function")
      said.push({ role: "user", content: resultOf(textOf(content, contentParam)) });
    else
      throw invalid(
        `${at}.role`,
        `must be system, developer, user, assistant, tool or function, got ${nameOf(role)}`,
      );
  }
  // A prompt alone, which some clients send as a system message.
  if (said.length === 0) said.push({ role: "user", content: contentAt(systems.pop(), param) });
  const messages = toChat(said, param);
  if (messages.at(-1)?.role !== "user")
    throw invalid(param, "must end with a message of the user that is not empty");
  const system = systems.filter((text) => text.trim() !== "").join("\n\n");
  return { system: system === "" ? undefined : system, messages };
}

/** An answer's text. Calls of functions in it, of another model or a forced one, are told as text. */
function answerOf(message: Fields, content: string, at: string): ContentBlock[] {
  const calls = listAt(message["tool_calls"] ?? [], `${at}.tool_calls`).map((call, index) =>
    callOf(fieldsAt(call, `${at}.tool_calls[${index}]`), `${at}.tool_calls[${index}]`),
  );
  const { function_call: legacy } = message;
  if (legacy !== undefined && legacy !== null)
    calls.push(callText(fieldsAt(legacy, `${at}.function_call`), `${at}.function_call`));
  return [content, ...calls].filter((text) => text !== "").map((text) => ({ type: "text", text }));
}

function callOf(call: Fields, at: string): string {
  return callText(fieldsAt(call["function"], `${at}.function`), `${at}.function`);
}

function callText({ name, arguments: given }: Fields, at: string): string {
  return `Call of ${textAt(name, `${at}.name`)}: ${textAt(given, `${at}.arguments`)}`;
}

function resultOf(text: string): ContentBlock[] {
  return [{ type: "text", text: `Result of the call: ${text}` }];
}

function textOf(content: readonly ContentBlock[], at: string): string {
  const texts = content.map((block) => {
    if (block.type === "text") return block.text;
    throw invalid(at, "must be text; images and files are for messages of the user");
  });
  return texts.join("\n");
}
