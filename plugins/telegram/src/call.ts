import type { Approval } from "@claudeway/core";

/** What a person has to see of a call before deciding: the command, the path and the change, or the whole input. */
export function describeCall({ tool, input }: Pick<Approval, "tool" | "input">): string {
  return showInvisible(describeInput(tool, input));
}

function describeInput(tool: string, input: Approval["input"]): string {
  if (tool === "Bash" && typeof input["command"] === "string") {
    // The description is what Claude says of its command: it changes nothing.
    const { command: _command, description: _description, ...options } = input;
    return withOptions([input["command"]], options);
  }
  const name = ["file_path", "notebook_path"].find((one) => typeof input[one] === "string");
  if (name === undefined) return JSON.stringify(input, null, 2);
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

/** Whatever else a call says changes what it does: every occurrence instead of one, or no sandbox. */
function withOptions(lines: readonly string[], options: Approval["input"]): string {
  const set = Object.entries(options).filter(([, value]) => value !== false);
  return [...lines, ...(set.length === 0 ? [] : [JSON.stringify(Object.fromEntries(set), null, 2)])].join(
    "\n",
  );
}

function marked(sign: string, text: string): string[] {
  return text.split("\n").map((line) => `${sign} ${line}`);
}

// Controls, zero-width characters, bidirectional marks: with them a command can look like another one.
const INVISIBLE = /(?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029\u115f\u1160\u3164\uffa0]/gu;

/** Writes out what could not be seen: what is decided on must look like what it is. */
export function showInvisible(text: string): string {
  return text.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
