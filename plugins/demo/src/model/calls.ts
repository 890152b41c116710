import { type Directive, findDirectives } from "./directives.js";
import { isObject, type JsonObject, listOf, parseJson } from "./json.js";

/** A tool call that the model is about to make. */
export interface ToolCall {
  readonly name: string;
  readonly input: JsonObject;
}

type ReadCall = (rest: string) => ToolCall | undefined;

const SHORT_FORMS: Readonly<Record<string, ReadCall>> = {
  write: readWrite,
  read: (rest) => withText(rest, (file_path) => ({ name: "Read", input: { file_path: unquote(file_path) } })),
  bash: (rest) => withText(rest, (command) => bashCall(command, "Demo command")),
  ask: readQuestion,
  subagent: (rest) => withText(rest, subagentCall),
};

/** The names of the directives that make one tool call. */
export const CALL_NAMES: readonly string[] = Object.keys(SHORT_FORMS);

/**
 * The calls that a directive makes in one message: a short form (`[[bash ls]]`), the general form
 * (`[[{"tool": "Bash", "input": {…}}]]`), a list of those (`[[tools [{…}, {…}]]]`), or `[[both …]]` around directives.
 * Undefined for other or malformed directives.
 */
export function readCalls(directive: Directive): readonly ToolCall[] | undefined {
  if (directive.name === "both") return readNested(directive.rest);
  if (directive.name === "" || directive.name === "tools") return readGeneral(parseJson(directive.rest));
  const read = Object.hasOwn(SHORT_FORMS, directive.name) ? SHORT_FORMS[directive.name] : undefined;
  const call = read?.(directive.rest);
  return call === undefined ? undefined : [call];
}

export function bashCall(command: string, description: string): ToolCall {
  return { name: "Bash", input: { command, description } };
}

function readNested(rest: string): readonly ToolCall[] | undefined {
  const lists = findDirectives(rest).map(readCalls);
  return lists.length > 0 && lists.every((list) => list !== undefined) ? lists.flat() : undefined;
}

function readGeneral(json: unknown): readonly ToolCall[] | undefined {
  const calls = (Array.isArray(json) ? listOf(json) : [json]).map(readObject);
  return calls.length > 0 && calls.every((call) => call !== undefined) ? calls : undefined;
}

function readObject(value: unknown): ToolCall | undefined {
  if (!isObject(value)) return undefined;
  const name = value["tool"] ?? value["name"];
  const input = value["input"] ?? {};
  return typeof name === "string" && name !== "" && isObject(input) ? { name, input } : undefined;
}

function readWrite(rest: string): ToolCall | undefined {
  const parts = /^("(?:[^"\\]|\\.)*"|\S+)(?:\s([\s\S]*))?$/.exec(rest);
  if (parts === null) return undefined;
  return { name: "Write", input: { file_path: unquote(parts[1] ?? ""), content: unquote(parts[2] ?? "") } };
}

function readQuestion(rest: string): ToolCall | undefined {
  const [question = "", ...labels] = rest.split("|").map((part) => part.trim());
  if (question === "" || labels.length < 2 || labels.includes("")) return undefined;
  const options = labels.map((label) => ({ label, description: `The answer "${label}"` }));
  const asked = { question, header: "Demo", multiSelect: false, options };
  return { name: "AskUserQuestion", input: { questions: [asked] } };
}

function subagentCall(prompt: string): ToolCall {
  const input = {
    description: "Demo subagent",
    prompt,
    subagent_type: "general-purpose",
    run_in_background: false,
  };
  return { name: "Agent", input };
}

function withText(rest: string, call: (text: string) => ToolCall): ToolCall | undefined {
  return rest === "" ? undefined : call(rest);
}

/** The value of a JSON string; any other text unchanged. */
function unquote(text: string): string {
  const value = text.startsWith('"') ? parseJson(text) : undefined;
  return typeof value === "string" ? value : text;
}
