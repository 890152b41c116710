import { type Glob, globMatches, hasWildcard } from "../glob.js";
import type { Match } from "../types.js";

/** A word as the command will get it; undefined where only running it would tell. */
export type Value = string | undefined;

/** One simple command with wildcards, word by word. */
export interface ShellPattern {
  readonly words: readonly Glob[];
  /** Without a wildcard: it names one command and all its arguments. */
  readonly literal: boolean;
}

const PIECES = /'[^']*'|"[^"]*"|\\.|[^\\]|\\$/gsu;
const OPERATORS = /[;&|<>()$`]/;

/** Reads a pattern such as `npm run *`; throws an Error that says what is wrong with it. */
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
  if (words.length === 0) throw new Error("it names no command");
  return { words, literal: !words.some(hasWildcard) };
}

function literalOf(piece: string): string {
  if (/^\\./su.test(piece)) return piece.slice(1);
  if (piece.length > 1 && /^['"]/.test(piece)) return piece.slice(1, -1);
  if (/^['"\\]$/.test(piece)) throw new Error(`${piece} is not closed`);
  if (OPERATORS.test(piece)) {
    throw new Error(
      `a pattern is one simple command, and ${piece} joins or expands; quote it if it is a plain character`,
    );
  }
  return piece;
}

/** Whether a wildcard stands for whole words. */
export function isStar(glob: Glob): boolean {
  return glob.length > 1 && glob.every((piece) => piece === "");
}

/**
 * Whether the values are among those that the pattern means. A `*` of its own stands for one word or more, at the end
 * also for none; one within a word for the rest of that word, at the very end also for more words.
 */
export function wordsMatch({ words }: ShellPattern, values: readonly Value[]): Match {
  // `row[p]`: whether the words from p on mean the values from the one at hand on. Filled from the last value back.
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
