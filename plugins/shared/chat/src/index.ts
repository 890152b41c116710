/** What the chat APIs share. */

export { type AnswerCall, answerCalls } from "./answer-calls.js";
export { calledBefore, resultOfBlocks, withCalls } from "./call-history.js";
export type { ChatMessage } from "./chat-message.js";
export { type ChatRequest, type ReadMessages, type RequestSource, toChatRequest } from "./chat-request.js";
export { answerChat, type ChatRouteParts, keyOf, sourceOf, streamError } from "./chat-routes.js";
export { ChatFailure, errorIn, type StreamError } from "./failures.js";
export {
  type Fields,
  fieldsAt,
  invalid,
  isFields,
  isOn,
  listAt,
  nameOf,
  optionalFields,
  optionalText,
  schemaAt,
  textAt,
} from "./fields.js";
export { dataUrl, documentBlock, imageBlock, urlAt } from "./media.js";
export { toChat } from "./messages.js";
export { modelRoutes } from "./models.js";
export { type ChatSettings, openChat } from "./open-chat.js";
export {
  answerOrEvents,
  describeErrors,
  json,
  MODEL_NAME,
  modelPaths,
  named,
  text,
} from "./openapi.js";
export { answerFailures, type BegunAnswer, whenGone } from "./responses.js";
export { NO_THINKING, shown, type ThinkingWish, UNSAID } from "./thinking.js";
export {
  type ChoiceRequest,
  chooseTools,
  type ForcedCall,
  type NamedTool,
  type ToolChoice,
  toolNameAt,
} from "./tool-choice.js";
export type { ChatEnd } from "./turns.js";
