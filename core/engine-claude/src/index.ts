/** The Claude CLI as an engine. */
export { afterLoss } from "./bases.js";
export { CONVERSATION_LOST, NEVER_STARTED } from "./endings.js";
export { findClaude, versionOf } from "./executable.js";
export { askLogin } from "./login.js";
export { claudeSource } from "./source.js";
export { most } from "./totals.js";
export { estimatedUsage, reportedUsage, totalsOf } from "./usage.js";
