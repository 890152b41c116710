/** What was said in sessions: read from the engine's records, and copied for forks. */
export { SessionForks } from "./forks.js";
export { SessionHistory } from "./history.js";
