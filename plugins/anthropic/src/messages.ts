import {
  type ChatMessage,
  fieldsAt,
  invalid,
  listAt,
  nameOf,
  type ReadMessages,
  toChat,
} from "@claudeway/chat";
import type { ContentBlock } from "@claudeway/core";
import { contentAt } from "./content.js";

/** The messages of a request as a chat. */
export function readMessages(value: unknown, system: unknown): ReadMessages {
  const systems = [textOf(contentAt(system, "system"), "system")];
  const said: ChatMessage[] = [];
  listAt(value, "messages").forEach((item, index) => {
    const at = `messages[${index}]`;
    const { role, content } = fieldsAt(item, at);
    const blocks = contentAt(content, `${at}.content`);
    if (role === "user") said.push({ role, content: blocks });
    else if (role === "assistant")
      said.push({ role, content: [{ type: "text", text: textOf(blocks, `${at}.content`) }] });
    else if (role === "system") systems.push(textOf(blocks, `${at}.content`));
    else throw invalid(`${at}.role`, `must be user, assistant or system, got ${nameOf(role)}`);
  });
  const messages = toChat(said);
  if (messages.at(-1)?.role !== "user")
    throw invalid("messages", "must end with a message of the user that is not empty");
  const prompt = systems.filter((text) => text.trim() !== "").join("\n\n");
  return { system: prompt === "" ? undefined : prompt, messages };
}

function textOf(content: readonly ContentBlock[], at: string): string {
  const texts = content.map((block) => {
    if (block.type === "text") return block.text;
    throw invalid(at, "must be text; images and documents are for messages of the user");
  });
  return texts.join("\n");
}
