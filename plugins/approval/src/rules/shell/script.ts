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

/** A simple command, wherever in the script it stands. */
export interface SimpleCommand {
  /** The name first. */
  readonly values: readonly Value[];
  /** Found in the arguments of another command, as `rm x` in `bash -c "rm x"`. */
  readonly nested: boolean;
  /** It runs something that can't be read here. */
  readonly unread: boolean;
  /** Commands that a text in it would be, should something run it as such. */
  readonly possible: readonly (readonly Value[])[];
  /** What else it is given: the values of its assignments, here-documents and here-strings. */
  readonly given: readonly string[];
}

/** A shell command, taken apart. */
export interface Script {
  readonly commands: readonly SimpleCommand[];
  /** All words in it that stand fast: arguments, targets of redirections, values. */
  readonly words: readonly string[];
  /** Nothing but literal simple commands and what joins them. */
  readonly plain: boolean;
  /** There is more in it than can be told, or than is looked at. */
  readonly opaque: boolean;
}

/** A script without a command: redirections and assignments alone, or a text that may be one. */
export const NOTHING: SimpleCommand = { values: [], nested: false, unread: false, possible: [], given: [] };

const MAX_LENGTH = 16_000;
const MAX_COMMANDS = 300;
/** Words of commands in all. */
const MAX_WORDS = 3_000;
/** Substitutions and expansions; they nest, and to take that apart takes the square of it. */
const MAX_EXPANSIONS = 400;
const MAX_DEPTH = 8;

/** Takes a shell command apart. Never throws. */
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
  /** How many more commands are looked at, and words of them. */
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
  // Of what only running would tell, the folder at its beginning is known all the same: `/srv/*/x`, `~/x`.
  const value = fixedValue(word) ?? /^[\w.~/-]*\//.exec(word.text)?.[0];
  if (value === undefined) return;
  found.words.push(value);
  // Wherever it stands, something may take it for a command: a program, or the shell, the second time it looks.
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

/** An option whose value only running would tell, of a program that may be told by it to run another one. */
function hidesOption(arg: CommandArgument, values: readonly Value[], at: number): boolean {
  return values[at] === undefined && /^["']?-/.test(arg.text) && canRunFurther(values[0]);
}

/** `PAGER='rm x' man ls` and `ed <<< '!rm x'` hand a command to the program that runs. */
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
  // One level is enough: what is below it is still seen as text.
  const found: Found = { ...outer, commands: [], words: [], opaque: false };
  // Editors and git take what comes after a `!` for a command.
  collect(value.replace(/^[\s:]*!/, ""), found, MAX_DEPTH);
  outer.left = found.left;
  outer.wordsLeft = found.wordsLeft;
  return found.commands.map((command) => command.values);
}

/** Whether an argument has more in it than names, numbers, options and paths have. */
export function isCode(value: string): boolean {
  return /[^\w./:@%+,=-]/.test(value);
}
