/** What clients see of turns and sessions while they run. */
export { approvalView, grantView } from "./approval-view.js";
export { EVENT_NAMES, kindOf, kindsOf } from "./event-kinds.js";
export { encodeFrames, type SentFrame } from "./server-sent.js";
export { SessionEvents } from "./session-events.js";
export { type ReadOptions, TurnStream } from "./turn-stream.js";
export { weightOf } from "./weight.js";
