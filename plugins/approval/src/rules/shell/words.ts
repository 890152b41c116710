import type { Assignment, Word, WordPart } from "unbash";
import type { Value } from "./pattern.js";

const SIMPLE_ANSI_C = /^\$'(?:[^\\']|\\[abefnrtv\\'"]|\\x[0-9a-fA-F]{2}|\\[0-7]{3}|\\u[0-9a-fA-F]{4})*'$/;

/** What a command's word comes to, where that stands fast before anything runs. */
export function fixedValue(word: Word | Assignment): Value {
  if (word.type === "Assignment") return assignmentValue(word);
  // A tilde is a home folder; in zsh `=name` is where a program of that name is.
  if (/^[~=]|[=:]~/.test(word.text)) return undefined;
  return word.parts?.every(isFixed) === false ? undefined : word.value;
}

function assignmentValue({ name, value }: Assignment): Value {
  if (value.type !== "Word") return undefined;
  const fixed = fixedValue(value);
  return fixed === undefined ? undefined : `${name}=${fixed}`;
}

function isFixed(part: WordPart): boolean {
  switch (part.type) {
    case "Literal":
    case "SingleQuoted":
      return true;
    case "AnsiCQuoted":
      // A NUL ends the text in one shell and not in another; `\\c` and long codes are read in as many ways.
      return SIMPLE_ANSI_C.test(part.text) && !part.value.includes("\0");
    case "DoubleQuoted":
    case "LocaleString":
      return part.parts.every((inner) => inner.type === "Literal");
    default:
      return false;
  }
}

/** A name without its folder, in lower case: where letter case does not count in file names, `RM` is `rm`. */
export function bareName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1).toLowerCase();
}
