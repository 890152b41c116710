import { type Fields, fieldsAt, invalid, isFields, listAt, nameOf, textAt } from "@claudeway/chat";
import type { MessageEntry } from "./messages.js";

/** The answer's text that an item refers to. */
export type FindAnswer = (id: string) => Promise<string>;

/**
 * The input of a request for a response (https://platform.openai.com/docs/api-reference/responses/create) in the form of a chat
 * completion's messages. Reasoning is left out.
 */
export async function messagesOf(input: unknown, answerOf: FindAnswer): Promise<MessageEntry[]> {
  if (typeof input === "string") return [{ message: { role: "user", content: input }, at: "input" }];
  const entries: MessageEntry[] = [];
  for (const [index, item] of listAt(input, "input").entries()) {
    const at = `input[${index}]`;
    const messages = await itemMessages(fieldsAt(item, at), at, answerOf);
    entries.push(
      ...messages.map((message) => ({
        message,
        at,
        contentAt: `${at}.${isFields(item) && item["type"] === "function_call_output" ? "output" : "content"}`,
      })),
    );
  }
  return entries;
}

async function itemMessages(item: Fields, at: string, answerOf: FindAnswer): Promise<Fields[]> {
  const { type = "message", role, content, name, arguments: given, output } = item;
  switch (type) {
    case "message":
      return [{ role, content }];
    case "item_reference":
      return [{ role: "assistant", content: await answerOf(textAt(item["id"], `${at}.id`)) }];
    case "function_call":
      textAt(name, `${at}.name`);
      textAt(given, `${at}.arguments`);
      return [{ role: "assistant", tool_calls: [{ function: { name, arguments: given } }] }];
    case "function_call_output":
      return [{ role: "tool", content: output }];
    case "reasoning":
      return [];
    default:
      throw invalid(
        `${at}.type`,
        `must be message, item_reference, function_call, function_call_output or reasoning, got ${nameOf(type)}`,
        "unsupported_value",
      );
  }
}
