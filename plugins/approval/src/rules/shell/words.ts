import type { Assignment, Word, WordPart } from "unbash";
import type { Value } from "./pattern.js";

const SIMPLE_ANSI_C = /^\$'(?:[^\\']|\\[abefnrtv\\'"]|\\x[0-9a-fA-F]{2}|\\[0-7]{3}|\\u[0-9a-fA-F]{4})*'$/;

/** The value of a word if it is constant, that is, known before anything runs. */
export function fixedValue(word: Word | Assignment): Value {
  if (word.type === "Assignment") return assignmentValue(word);
  // A tilde is a home folder; in zsh, `=name` expands to the path of that program.
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
      // Shells disagree on NUL, `\\c` and long codes.
      return SIMPLE_ANSI_C.test(part.text) && !part.value.includes("\0");
    case "DoubleQuoted":
    case "LocaleString":
      return part.parts.every((inner) => inner.type === "Literal");
    default:
      return false;
  }
}

/** A name without its folder, in lower case: on case-insensitive file systems, `RM` is `rm`. */
export function bareName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1).toLowerCase();
}
