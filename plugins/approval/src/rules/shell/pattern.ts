import { hasWildcard, type Glob, globMatches } from "../glob.js";
import type { Match } from "../types.js";

/** A word as the shell will see it; undefined where only running it would tell. */
export type Value = string | undefined;

/** One simple command with wildcards, word by word. */
export interface ShellPattern {
  readonly words: readonly Glob[];
  /** Without a wildcard: it names one command and all its arguments. */
  readonly literal: boolean;
}

const UNQUOTED_OPERATORS = /[;&|<>()$`\n]/;

/** Reads a pattern such as `npm run *`; throws an Error that says what is wrong with it. */
export function parseShellPattern(text: string): ShellPattern {
  // The CLI's older form of a trailing wildcard.
  const words = splitWords(text.endsWith(":*") ? `${text.slice(0, -2)} *` : text);
  return { words, literal: !words.some(hasWildcard) };
}

function splitWords(text: string): Glob[] {
  const words: Glob[] = [];
  for (const [, word = ""] of text.matchAll(/((?:'[^']*'|"[^"]*"|\\.|[^\s'"\\])+|\S)/gs)) words.push(toWord(word));
  if (words.length === 0) throw new Error("it names no command");
  return words;
}

function toWord(text: string): Glob {
  const pieces = [""];
  const add = (literal: string) => pieces.push((pieces.pop() ?? "") + literal);
  for (const [part] of text.matchAll(/'[^']*'|"[^"]*"|\\.|./gs)) {
    if (part.length > 1) add(part.startsWith("\\") ? part.slice(1) : part.slice(1, -1));
    else if (part === "*") pieces.push("");
    else if (/['"\\]/.test(part)) throw new Error(`${part} is not closed`);
    else if (UNQUOTED_OPERATORS.test(part)) {
      throw new Error(`a pattern is one simple command, and ${part} joins or expands: quote it if it is meant literally`);
    } else add(part);
  }
  return pieces;
}

/**
 * Whether the words are among those that the pattern means. A `*` of its own stands for words, at the end also for
 * none; one within a word stands for the rest of that word, at the very end also for more words.
 */
export function wordsMatch({ words: globs }: ShellPattern, values: readonly Value[]): Match {
  let reached = new Map<number, Match>([[0, "yes"]]);
  for (const value of values) {
    if (value === undefined) return atEnd(globs, reached) === "yes" && endless(globs, reached) ? "yes" : anyLeft(reached);
    const next = new Map<number, Match>();
    for (const at of reached.keys()) step(globs, at, value, next);
    reached = next;
  }
  return atEnd(globs, reached);
}

function step(globs: readonly Glob[], at: number, value: string, next: Map<number, Match>): void {
  const glob = globs[at];
  const last = globs.length - 1;
  if (glob === undefined) {
    // Past the end: only a trailing wildcard takes more.
    if (globs[last]?.at(-1) === "" && hasWildcard(globs[last] ?? [])) next.set(at, "yes");
    return;
  }
  if (isStar(glob)) next.set(at, "yes");
  if (globMatches(glob, value)) next.set(at + 1, "yes");
}
