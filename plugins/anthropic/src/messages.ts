import {
  type ChatMessage,
  fieldsAt,
  invalid,
  listAt,
  nameOf,
  type ReadMessages,
  toChat,
  withCalls,
} from "@claudeway/chat";
import type { HistoryBlock } from "@claudeway/core";
import { contentAt } from "./content.js";

/**
 * The messages of a request as a chat.
 * @param hasTools whether the model has tools, so that it can know calls
 */
export function readMessages(value: unknown, system: unknown, hasTools: boolean): ReadMessages {
  const systems = [textOf(contentAt(system, "system"), "system")];
  const said: ChatMessage[] = [];
  listAt(value, "messages").forEach((item, index) => {
    const at = `messages[${index}]`;
    const { role, content } = fieldsAt(item, at);
    const blocks = contentAt(content, `${at}.content`);
    if (role === "user") said.push({ role, content: blocks });
    else if (role === "assistant") said.push({ role, content: answerOf(blocks, `${at}.content`) });
    else if (role === "system") systems.push(textOf(blocks, `${at}.content`));
    else throw invalid(`${at}.role`, `must be user, assistant or system, got ${nameOf(role)}`);
  });
  const messages = withCalls(toChat(said), hasTools);
  if (messages.at(-1)?.role !== "user")
    throw invalid("messages", "must end with a message of the user that is not empty");
  const prompt = systems.filter((text) => text.trim() !== "").join("\n\n");
  return { system: prompt === "" ? undefined : prompt, messages };
}

function answerOf(blocks: readonly HistoryBlock[], at: string): HistoryBlock[] {
  const calls = blocks.filter(({ type }) => type === "tool_use");
  return [
    {
      type: "text",
      text: textOf(
        blocks.filter(({ type }) => type !== "tool_use"),
        at,
      ),
    },
    ...calls,
  ];
}

function textOf(content: readonly HistoryBlock[], at: string): string {
  const texts = content.map((block) => {
    if (block.type === "text") return block.text;
    throw invalid(at, "must be text; images and documents are for messages of the user");
  });
  return texts.join("\n");
}
