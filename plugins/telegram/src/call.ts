import type { Approval } from "@claudeway/core";

/** What a person has to see of a call before deciding: the command, the path and the change, or the whole input. */
export function describeCall({ tool, input }: Pick<Approval, "tool" | "input">): string {
  return showInvisible(describeInput(tool, input));
}

function describeInput(tool: string, input: Approval["input"]): string {
  const {
    command,
    file_path: path,
    notebook_path: notebook,
    old_string: before,
    new_string: after,
    content,
  } = input;
  if (tool === "Bash" && typeof command === "string") return command;
  const file = typeof path === "string" ? path : notebook;
  if (typeof file !== "string") return JSON.stringify(input, null, 2);
  if (typeof before === "string" && typeof after === "string") {
    return [file, ...marked("-", before), ...marked("+", after)].join("\n");
  }
  return typeof content === "string" ? [file, ...marked("+", content)].join("\n") : describeRest(file, input);
}

function describeRest(file: string, input: Approval["input"]): string {
  const { file_path: _path, notebook_path: _notebook, ...rest } = input;
  return Object.keys(rest).length === 0 ? file : `${file}\n${JSON.stringify(rest, null, 2)}`;
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
