/** What the chat APIs share. */

export {
  type ChatRequest,
  conversationIdOf,
  type ReadMessages,
  type RequestHeaders,
} from "./chat-request.js";
export { ChatFailure, errorIn } from "./failures.js";
export {
  type Fields,
  fieldsAt,
  invalid,
  isFields,
  isImageType,
  listAt,
  optionalText,
  textAt,
} from "./fields.js";
export { type ChatMessage, toChat } from "./messages.js";
export { type ChatModel, modelRoutes, sharedAliases, toModel } from "./models.js";
export { type ChatSettings, openChat } from "./open-chat.js";
export {
  answerFailures,
  type BegunAnswer,
  begun,
  ended,
  nameTurn,
  sendLines,
  whenGone,
} from "./responses.js";
export type { SessionOrigin } from "./sessions.js";
export type { ChatEvent, ChatTurn, ChatTurns } from "./turns.js";
