import { type Glob, globMatches, hasWildcard } from "../glob.js";
import type { Match } from "../types.js";

/** A word as the command receives it; undefined if it is known only at run time. */
export type Value = string | undefined;

/** One simple command with wildcards, by word. */
export interface ShellPattern {
  readonly words: readonly Glob[];
  /** No wildcard: it names one command with all of its arguments. */
  readonly literal: boolean;
}

const PIECES = /'[^']*'|"[^"]*"|\\.|[^\\]|\\$/gsu;
const OPERATORS = /[;&|<>()$`]/;

/** Parses a pattern such as `npm run *`. Throws an Error that explains what is wrong. */
export function parseShellPattern(text: string): ShellPattern {
  // The CLI's older form of a trailing wildcard.
  const whole = text.endsWith(":*") ? `${text.slice(0, -2)} *` : text;
  const words: string[][] = [];
  let between = true;
  for (const [piece] of whole.trim().matchAll(PIECES)) {
    const isSpace = piece === " ";
    if (between && !isSpace) words.push([""]);
    between = isSpace;
    const word = words.at(-1);
    if (isSpace || word === undefined) continue;
    if (piece === "*") word.push("");
    else word.push((word.pop() ?? "") + literalOf(piece));
  }
  if (words.length === 0) throw new Error("the pattern must name a command");
  return { words, literal: !words.some(hasWildcard) };
}

function literalOf(piece: string): string {
  if (/^\\./su.test(piece)) return piece.slice(1);
  if (piece.length > 1 && /^['"]/.test(piece)) return piece.slice(1, -1);
  if (/^['"\\]$/.test(piece)) throw new Error(`${piece} is not closed`);
  if (OPERATORS.test(piece)) {
    throw new Error(
      `the pattern must be one simple command, got ${piece}, which joins commands or expands; quote it if you mean the character`,
    );
  }
  return piece;
}

/** Whether a wildcard matches whole words. */
export function isStar(glob: Glob): boolean {
  return glob.length > 1 && glob.every((piece) => piece === "");
}

/**
 * Whether the pattern matches the values. A `*` as a word matches one or more words, at the end also none. A `*` inside a word
 * matches the rest of that word, at the very end also further words.
 */
export function wordsMatch({ words }: ShellPattern, values: readonly Value[]): Match {
  // `row[p]`: whether the words from p on match the values from the current one on. Filled from the last value backwards.
  let row: Match[] = words.map((glob, at) => (at === words.length - 1 && isStar(glob) ? "yes" : "no"));
  row.push("yes");
  let unknownToEnd = true;
  for (const value of values.toReversed()) {
    unknownToEnd &&= value === undefined;
    const after = row;
    row = words.map((glob, at) =>
      oneMore(glob, value, at === words.length - 1, after[at] ?? "no", after[at + 1] ?? "no"),
    );
    row.push(unknownToEnd ? "maybe" : "no");
  }
  return row[0] ?? "no";
}

function oneMore(glob: Glob, value: Value, isLast: boolean, again: Match, onwards: Match): Match {
  if (isLast && isStar(glob)) return "yes";
  if (value === undefined) return "maybe";
  if (isStar(glob)) return again === "yes" || onwards === "yes" ? "yes" : again === "maybe" ? again : onwards;
  if (!globMatches(glob, value)) return "no";
  return isLast && hasWildcard(glob) && glob.at(-1) === "" ? "yes" : onwards;
}
