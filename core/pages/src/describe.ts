import type { Approval } from "@claudeway/ports";
import { spellHidden } from "./shown.js";

/** The CLI's own tools that name a file. Other tools' arguments may mean anything, also when they are false. */
const FILE_TOOLS: readonly string[] = ["Read", "Edit", "Write", "MultiEdit", "NotebookEdit"];

/**
 * What a channel must show of a call before a person decides: a command, a path and its change as lines that begin with
 * - and +, a question with its options, or the whole input as JSON; then every other option of the call. The result is
 * plain text, uncut, with hidden characters and look-alikes spelled out. All of it is the model's: what the channel adds,
 * such as the shell's directory, must look different. The channel cuts and escapes it.
 */
export function describeCall(call: Pick<Approval, "tool" | "input">): string {
  const { tool, input } = call;
  return spellHidden(tool === "AskUserQuestion" ? describeQuestions(input) : describeInput(tool, input));
}

function describeInput(tool: string, input: Approval["input"]): string {
  if (tool === "Bash" && typeof input["command"] === "string") {
    // The description is Claude's own comment on its command and has no effect.
    const { command: _command, description: _description, ...options } = input;
    return withOptions([input["command"]], options);
  }
  const name = ["file_path", "notebook_path"].find((one) => typeof input[one] === "string");
  if (name === undefined || !FILE_TOOLS.includes(tool)) return JSON.stringify(input, null, 2);
  const { [name]: file, ...change } = input;
  return describeChange(String(file), change);
}

function describeChange(file: string, change: Approval["input"]): string {
  const { old_string: before, new_string: after, ...options } = change;
  if (typeof before === "string" && typeof after === "string") {
    return withOptions([file, ...marked("-", before), ...marked("+", after)], options);
  }
  const { content, ...others } = change;
  return typeof content === "string"
    ? withOptions([file, ...marked("+", content)], others)
    : withOptions([file], change);
}

/** Adds the call's other options, since they change what it does: all occurrences instead of one, or no sandbox. */
function withOptions(lines: readonly string[], options: Approval["input"]): string {
  const set = Object.entries(options).filter(([, value]) => value !== false);
  return [...lines, ...(set.length === 0 ? [] : [JSON.stringify(Object.fromEntries(set), null, 2)])].join(
    "\n",
  );
}

function marked(sign: string, text: string): string[] {
  return text.split("\n").map((line) => `${sign} ${line}`);
}

function describeQuestions({ questions }: Approval["input"]): string {
  if (!Array.isArray(questions)) return "";
  return questions.map(describeQuestion).join("\n\n");
}

function describeQuestion(asked: unknown): string {
  if (typeof asked !== "object" || asked === null) return "";
  const question = "question" in asked && typeof asked.question === "string" ? asked.question : "";
  const options = "options" in asked && Array.isArray(asked.options) ? asked.options : [];
  return [question, ...options.map((option) => `• ${labelOf(option)}`)].join("\n");
}

function labelOf(option: unknown): string {
  if (typeof option !== "object" || option === null || !("label" in option)) return String(option);
  return String(option.label);
}
