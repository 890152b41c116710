import type { ChatRequest } from "./chat-request.js";

/**
 * Open WebUI asks for a chat's title, tags and follow-up questions in requests of their own, each with the chat as text in a
 * single prompt (its default templates, backend/open_webui/config.py).
 */
const TASK = /^### Task:\s/;
const CHAT = /<chat_history>|### Chat History:/i;

/** Whether a request is such a side job of a front end, which needs neither a session nor tools. */
export function isSideJob({ messages, schema }: ChatRequest): boolean {
  const [prompt] = messages;
  if (messages.length !== 1 || schema !== undefined) return false;
  const text = prompt?.content.map((block) => (block.type === "text" ? block.text : "")).join("\n") ?? "";
  return TASK.test(text) && CHAT.test(text);
}
