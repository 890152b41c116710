/** What was said in sessions: read from the engine's records, copied for forks, and asked by the model. */
export { SessionForks } from "./forks.js";
export { SessionHistory } from "./history.js";
export { answersOf, QUESTION_TOOL, questionsOf, withAnswers } from "./questions.js";
