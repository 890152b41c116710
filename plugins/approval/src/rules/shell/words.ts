import type { Assignment, Word, WordPart } from "unbash";
import type { Value } from "./pattern.js";

/** What a command's word comes to, where that stands fast before anything runs. */
export function fixedValue(word: Word | Assignment): Value {
  if (word.type === "Assignment") return assignmentValue(word);
  if (/^~|[=:]~/.test(word.text)) return undefined;
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
    case "AnsiCQuoted":
      return true;
    case "DoubleQuoted":
    case "LocaleString":
      return part.parts.every((inner) => inner.type === "Literal");
    default:
      return false;
  }
}
