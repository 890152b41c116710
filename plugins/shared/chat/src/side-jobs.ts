import type { ChatRequest } from "./chat-request.js";

/**
 * Front ends ask for a chat's title, tags and follow-up questions in requests of their own, each with the chat as text in a
 * single prompt: how their default prompts begin, and what else is in them.
 */
const SIDE_JOBS: readonly (readonly [begins: RegExp, has: RegExp])[] = [
  // Open WebUI (backend/open_webui/config.py): titles, tags, follow-ups, queries.
  [/^### Task:\s/, /<chat_history>|### Chat History:/i],
  // LibreChat (@librechat/agents): titles.
  [/^Provide a concise, 5-word-or-less title for the conversation\b/, /\bConversation:\s/],
  // Chatbox: names of chats.
  [/^Based on the chat history, give this conversation a name\./, /\n/],
];

/** Whether a request is such a side job of a front end, which needs neither a session nor tools. */
export function isSideJob({
  messages,
  schema,
  tools,
}: Pick<ChatRequest, "messages" | "schema" | "tools">): boolean {
  const [prompt] = messages;
  if (messages.length !== 1 || schema !== undefined || tools !== undefined) return false;
  const text = prompt?.content.map((block) => (block.type === "text" ? block.text : "")).join("\n") ?? "";
  return SIDE_JOBS.some(([begins, has]) => begins.test(text) && has.test(text));
}
