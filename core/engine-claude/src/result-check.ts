import { isObject, JsonShape } from "@claudeway/schemas";

/*
 * Where a key's tools can reach its CLI, they can speak for it: what it says must not be able to break the gateway, or what the
 * gateway keeps of others.
 */

/** Models that one report may name, messages that a turn may have, and how long a name may be. */
export const MAX_MODELS = 100;
export const MAX_MESSAGES = 20_000;
export const MAX_NAME_CHARS = 500;
const COUNTS = ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"];
/** Part of a path, and an argument of the CLI. */
const SESSION = /^\w[\w-]{0,99}$/;
/** More than any message, or any turn, has. What is added up must stay a whole number. */
const MAX_TOKENS = 1e10;
const MAX_USD = 1e6;

/** Throws if a result of the CLI is not one. */
export function checkResult(result: object): void {
  const problem = problemOf({ ...result });
  if (problem !== undefined) throw new Error(`the CLI's result is not valid: ${problem}`);
}

function problemOf(result: Readonly<Record<string, unknown>>): string | undefined {
  const {
    subtype,
    result: text,
    errors,
    modelUsage,
    permission_denials: denials,
    session_id: session,
  } = result;
  if (subtype === "success" && typeof text !== "string") return "result must be a string";
  if (subtype !== "success" && !isListOf(errors, (error) => typeof error === "string"))
    return "errors must be a list of strings";
  if (typeof session !== "string" || !SESSION.test(session)) return "session_id must be an id";
  if (!isListOf(denials, isDenial)) return "permission_denials must be a list of calls";
  const shaped = [denials, result["structured_output"]].find((value) => isTooDeep(value));
  if (shaped !== undefined) return "its objects must not be so deep or large";
  return usageProblem(modelUsage);
}

/** What is wrong with the totals by model that the CLI reports, or has saved; undefined if nothing is. */
export function usageProblem(usage: unknown): string | undefined {
  if (!isObject(usage)) return "modelUsage must be an object";
  const models = Object.entries(usage);
  if (models.length > MAX_MODELS) return `modelUsage must have at most ${MAX_MODELS} models`;
  const wrong = models.find(([model, totals]) => model.length > MAX_NAME_CHARS || !isTotals(totals));
  return wrong && `modelUsage must have the counts and the cost of ${JSON.stringify(wrong[0].slice(0, 100))}`;
}

function isTotals(totals: unknown): boolean {
  if (!isObject(totals)) return false;
  const { costUSD } = totals;
  return COUNTS.every((name) => isCount(totals[name])) && isAmount(costUSD);
}

/** Whether it is a name that can be kept. */
export function isName(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_NAME_CHARS;
}

/** Whether it is a number of tokens. */
export function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MAX_TOKENS;
}

function isAmount(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= MAX_USD;
}

function isDenial(value: unknown): boolean {
  return (
    isObject(value) && typeof value["tool_name"] === "string" && typeof value["tool_use_id"] === "string"
  );
}

function isListOf(value: unknown, is: (item: unknown) => boolean): value is readonly unknown[] {
  return Array.isArray(value) && value.every(is);
}

function isTooDeep(value: unknown): boolean {
  if (value === undefined) return false;
  try {
    return new JsonShape().exceeded(Buffer.from(JSON.stringify(value))) !== undefined;
  } catch {
    // Too deep to be written.
    return true;
  }
}
