export { Background } from "./background.js";
export { Calls, type Patience, type Pause, uploadMs, uploadPatience } from "./calls.js";
export type { ChatScope } from "./chat-scope.js";
export { ChatService, type Incoming } from "./chat-service.js";
export { type Command, commandList, isCommand } from "./commands.js";
export { MessengerFailure, unreachable } from "./failures.js";
export { Feed } from "./feed.js";
export { type ChatTerm, leadChat } from "./leading.js";
export type {
  Attachment,
  Button,
  Buttons,
  Message,
  Messenger,
  NewPlace,
  Person,
  Place,
  Press,
  SendOptions,
} from "./messenger.js";
export { askedNews, type EventKind, type News } from "./news.js";
export { OncePer } from "./once-per.js";
export { Outage } from "./outage.js";
export { readWithin } from "./read-within.js";
export { reportNews } from "./report.js";
export { commonTags, type Span, type Tag } from "./spans.js";
export { clip, type Sizes } from "./split.js";
export { State } from "./state.js";
export { type Language, type Say, type TextKey, textsIn } from "./texts.js";
export { type TranscriberConfig, transcriberOf } from "./transcriber.js";
