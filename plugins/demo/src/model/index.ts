export type { RequestKind } from "./answer.js";
export type { DealtUsage, ModelRequest, ModelTotals, RequestEnd } from "./records.js";
export { DIRECTIVE_NAMES } from "./script.js";
export { type ScriptedModel, type ScriptedModelOptions, startScriptedModel } from "./server.js";
export { countWords, type Tokens } from "./usage.js";
