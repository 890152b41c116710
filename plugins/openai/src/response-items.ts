import { type Fields, fieldsAt, invalid, isFields, listAt, nameOf, textAt } from "@claudeway/chat";
import type { MessageEntry } from "./messages.js";

/** The item of an answer that an item refers to. */
export type FindItem = (id: string) => Promise<Fields>;

/**
 * The input of a request for a response (https://platform.openai.com/docs/api-reference/responses/create) in the form of a chat
 * completion's messages. Reasoning is left out.
 */
export async function messagesOf(input: unknown, findItem: FindItem): Promise<MessageEntry[]> {
  if (typeof input === "string") return [{ message: { role: "user", content: input }, at: "input" }];
  const entries: MessageEntry[] = [];
  for (const [index, item] of listAt(input, "input").entries()) {
    const at = `input[${index}]`;
    const messages = await itemMessages(fieldsAt(item, at), at, findItem);
    entries.push(
      ...messages.map((message) => ({
        message,
        at,
        contentAt: `${at}.${isFields(item) && item["type"] === "function_call_output" ? "output" : "content"}`,
        callAt: at,
      })),
    );
  }
  return entries;
}

async function itemMessages(item: Fields, at: string, findItem: FindItem): Promise<Fields[]> {
  const { type = "message", role, content, name, arguments: given, output, call_id: id } = item;
  switch (type) {
    case "message":
      return [{ role, content }];
    case "item_reference":
      return itemMessages(await findItem(textAt(item["id"], `${at}.id`)), at, findItem);
    case "function_call":
      textAt(name, `${at}.name`);
      textAt(given, `${at}.arguments`);
      textAt(id, `${at}.call_id`);
      return [{ role: "assistant", tool_calls: [{ id, function: { name, arguments: given } }] }];
    case "function_call_output":
      return [{ role: "tool", tool_call_id: id, content: output }];
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
