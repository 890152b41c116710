/** What the chat APIs share. */

export type { ChatRequest } from "./chat-request.js";
export { ChatFailure } from "./failures.js";
export { type ChatMessage, toChat } from "./messages.js";
export { type ChatModel, listedModel, listModels, toModel } from "./models.js";
export { type ChatSettings, openChat } from "./open-chat.js";
export { type BegunAnswer, begun, ended, nameTurn, sendLines, whenGone } from "./responses.js";
export type { SessionOrigin } from "./sessions.js";
export type { ChatEvent, ChatTurn, ChatTurns } from "./turns.js";
