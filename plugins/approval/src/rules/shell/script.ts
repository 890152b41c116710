import {
  type Command,
  type CommandArgument,
  forEachChild,
  type ParsedScript,
  parse,
  type SyntaxNode,
  type Word,
} from "unbash";
import { canRunFurther } from "./far-reaching.js";
import type { Value } from "./pattern.js";
import { isPlain } from "./plain.js";
import { isUnderstood } from "./understood.js";
import { fixedValue } from "./words.js";
import { sourcesIn } from "./wrappers.js";

/** A simple command anywhere in the script. */
export interface SimpleCommand {
  /** Starting with the name. */
  readonly values: readonly Value[];
  /** Found in the arguments of another command, as `rm x` in `bash -c "rm x"`. */
  readonly nested: boolean;
  /** It runs something that cannot be checked here. */
  readonly unread: boolean;
  /** Commands that its text arguments would be if something executed them. */
  readonly possible: readonly (readonly Value[])[];
  /** Its other inputs: values of assignments, here-documents and here-strings. */
  readonly given: readonly string[];
}

/** A parsed shell command. */
export interface Script {
  readonly commands: readonly SimpleCommand[];
  /** All constant words: arguments, targets of redirections, values. */
  readonly words: readonly string[];
  /** Only literal simple commands and their separators. */
  readonly plain: boolean;
  /** It contains more than can be checked. */
  readonly opaque: boolean;
}

/** A script without a command: only redirections and assignments, or a text that may be a script. */
export const NOTHING: SimpleCommand = { values: [], nested: false, unread: false, possible: [], given: [] };

const MAX_LENGTH = 16_000;
const MAX_COMMANDS = 300;
/** Total number of words of commands. */
const MAX_WORDS = 3_000;
/** Substitutions and expansions; they nest, and parsing them is quadratic. */
const MAX_EXPANSIONS = 400;
const MAX_DEPTH = 8;

/** Parses a shell command. Never throws. */
export function readScript(source: string): Script {
  const found: Found = { commands: [], words: [], opaque: false, left: MAX_COMMANDS, wordsLeft: MAX_WORDS };
  let plain = false;
  try {
    const script = collect(source, found, 0);
    plain = script !== undefined && !found.opaque && isPlain(source, script);
  } catch {
    found.opaque = true;
  }
  const { commands, words, opaque } = found;
  return { commands, words, plain, opaque };
}

interface Found {
  readonly commands: SimpleCommand[];
  readonly words: string[];
  opaque: boolean;
  /** The remaining budget of commands and words. */
  left: number;
  wordsLeft: number;
}

function collect(source: string, found: Found, depth: number): ParsedScript | undefined {
  if (depth > MAX_DEPTH || source.length > MAX_LENGTH || hasMany(source)) {
    found.opaque = true;
    return undefined;
  }
  const script = parse(source);
  visit(script, found, depth);
  return script;
}

function hasMany(source: string): boolean {
  return (source.match(/\$[({[]|`|[<>(]\(/g)?.length ?? 0) > MAX_EXPANSIONS;
}

function visit(node: SyntaxNode, found: Found, depth: number): void {
  if ("errors" in node && node.errors !== undefined && node.errors.length > 0) found.opaque = true;
  if (!isUnderstood(node)) found.opaque = true;
  if (node.type === "Word") note(node, found, depth);
  if (node.type === "Command") addCommand(node, found, depth);
  if (isSpent(found)) found.opaque = true;
  else forEachChild(node, (child) => visit(child, found, depth));
}

function isSpent({ left, wordsLeft }: Found): boolean {
  return left < 0 || wordsLeft < 0;
}

function note(word: Word, found: Found, depth: number): void {
  // For a word known only at run time, its leading folder is known: `/srv/*/x`, `~/x`.
  const value = fixedValue(word) ?? /^[\w.~/-]*\//.exec(word.text)?.[0];
  if (value === undefined) return;
  found.words.push(value);
  // Anything may execute it as a command: a program, or the shell when it evaluates it again.
  if (isCode(value) && depth < MAX_DEPTH && !isSpent(found)) {
    const possible = inside(value, found);
    if (possible.length > 0) found.commands.push({ ...NOTHING, nested: true, possible });
  }
}

function addCommand(command: Command, found: Found, depth: number): void {
  found.left -= 1;
  found.wordsLeft -= command.args.length;
  if (isSpent(found)) return;
  const given = givenTo(command);
  const { name, args } = command;
  if (name === undefined && given.length === 0) return;
  const values = name === undefined ? [] : [name, ...args].map(fixedValue);
  const isRead = name === undefined || !args.some((arg, at) => hidesOption(arg, values, at + 1));
  const sources = !isRead ? undefined : name === undefined ? [] : sourcesIn(values);
  found.commands.push({ values, nested: depth > 0, unread: sources === undefined, possible: [], given });
  for (const source of sources ?? []) collect(source, found, depth + 1);
}

/** An option with a value known only at run time, of a program that can run another program. */
function hidesOption(arg: CommandArgument, values: readonly Value[], at: number): boolean {
  return values[at] === undefined && /^["']?-/.test(arg.text) && canRunFurther(values[0]);
}

/** `PAGER='rm x' man ls` and `ed <<< '!rm x'` pass a command to the program. */
function givenTo({ prefix, redirects }: Command): string[] {
  const assigned = prefix.flatMap((part) =>
    part.type === "Assignment" ? [fixedValue(part) ?? part.text] : [],
  );
  const read = redirects.flatMap((part) => {
    if (part.type === "HereDoc") return [part.body.text];
    return part.type === "HereString" && part.target !== undefined
      ? [fixedValue(part.target) ?? part.target.text]
      : [];
  });
  return [...assigned, ...read];
}

function inside(value: string, outer: Found): (readonly Value[])[] {
  // One level is enough: deeper levels are still checked as text.
  const found: Found = { ...outer, commands: [], words: [], opaque: false };
  // Editors and git execute the text after a `!`.
  collect(value.replace(/^[\s:]*!/, ""), found, MAX_DEPTH);
  outer.left = found.left;
  outer.wordsLeft = found.wordsLeft;
  return found.commands.map((command) => command.values);
}

/** Whether an argument is more than a name, number, option or path. */
export function isCode(value: string): boolean {
  return /[^\w./:@%+,=-]/.test(value);
}
