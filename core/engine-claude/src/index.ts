/** The Claude CLI as an engine. */
export { afterLoss } from "./bases.js";
export { CONVERSATION_LOST, NEVER_STARTED } from "./endings.js";
export { findClaude, versionOf } from "./executable.js";
export { askLogin } from "./login.js";
export { claudeSource } from "./source.js";
export { estimatedUsage, most, reportedUsage, totalsOf } from "./usage.js";
