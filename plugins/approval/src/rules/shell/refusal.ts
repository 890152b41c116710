import { type Glob, globMatches, hasWildcard } from "../glob.js";
import { type Match, strongest } from "../types.js";
import { isStar, type ShellPattern, type Value, wordsMatch } from "./pattern.js";
import { isCode, type SimpleCommand } from "./script.js";
import { bareName } from "./words.js";
import { needsWholeName, runsAnother, takesMoreArguments } from "./wrappers.js";

/** With more words, comparing from each of them would be too slow. */
const MAX_VALUES = 200;

/** Whether an allow rule covers a command of a plain script. */
export function allowCovers(pattern: ShellPattern, { values }: SimpleCommand): boolean {
  return wordsMatch(pattern, values) === "yes" && (pattern.literal || !needsWholeName(values));
}

/**
 * Whether a deny or ask rule matches a command, under any name and through any wrapper. `maybe` if the command contains the
 * rule's words, but their effect depends on the program.
 */
export function refusalMeans(pattern: ShellPattern, { values, possible, given }: SimpleCommand): Match {
  if (values.length > MAX_VALUES) return "maybe";
  const after = tails(pattern, values);
  const sure = runsAnother(values) ? after : [values];
  const surely = strongest(sure.map((view) => matchesNamed(pattern, view)));
  if (surely === "yes" || textMatches(pattern, values)) return "yes";
  const others = after.filter((view) => view.length < values.length && view[0] !== undefined);
  const possibly =
    isDisguised(values) ||
    [...others, ...possible.filter(saysMore)].some((view) => matchesNamed(pattern, view) !== "no") ||
    isScattered(pattern, values) ||
    values.some((value) => value !== undefined && isInArgument(pattern, value, runsAnother(values))) ||
    given.some((text) => isInCode(pattern, text));
  return possibly ? "maybe" : surely;
}

/** The sub-lists of values that may be the command in the pattern, including the whole command. */
function tails({ words: [first] }: ShellPattern, values: readonly Value[]): (readonly Value[])[] {
  const all = takesMoreArguments(values) ? [...values, undefined] : values;
  // A leading wildcard also matches the omitted words.
  if (first === undefined || isStar(first)) return [all];
  return all.flatMap((value, start) => (mayBe(first, value) ? [all.slice(start)] : []));
}

function mayBe(glob: Glob, value: Value): boolean {
  return value === undefined || globMatches(glob, value) || globMatches(glob, bareName(value));
}

function matchesNamed(pattern: ShellPattern, values: readonly Value[]): Match {
  const [name, ...rest] = values;
  if (name === undefined) return wordsMatch(pattern, values);
  return strongest([wordsMatch(pattern, values), wordsMatch(pattern, [bareName(name), ...rest])]);
}

/** A pattern of file names, as in `find -name '*.ts'`, is never a command. */
function saysMore(values: readonly Value[]): boolean {
  return values.length > 1 || values[0] !== undefined;
}

/** A look-alike is a different command, but it may be made to deceive. */
function isDisguised([name]: readonly Value[]): boolean {
  return name !== undefined && /[^!-~]/.test(name);
}

/** Compares like the CLI: on the whole text, where a wildcard spans words. */
function textMatches({ words }: ShellPattern, values: readonly Value[]): boolean {
  const known = values.filter((value) => value !== undefined);
  if (known.length !== values.length) return false;
  const [name = "", ...rest] = known;
  const glob = words.reduce((all, word) => joined(all, word));
  return globMatches(glob, known.join(" ")) || globMatches(glob, [bareName(name), ...rest].join(" "));
}

function joined(left: Glob, right: Glob): Glob {
  return [...left.slice(0, -1), `${left.at(-1) ?? ""} ${right[0] ?? ""}`, ...right.slice(1)];
}

/** The pattern's words in order, with other words between them: `git -C there push` for `git push *`. */
function isScattered({ words }: ShellPattern, values: readonly Value[]): boolean {
  const [first, ...others] = words;
  const [name, ...rest] = values;
  if (first === undefined || name === undefined) return false;
  if (!globMatches(first, name) && !globMatches(first, bareName(name))) return false;
  // Options have several spellings and can be combined, so this compares only commands without options.
  const hasOptions = rest.some((value) => value === undefined || value.startsWith("-"));
  const wanted = others.filter((glob) => !isStar(glob) && !(hasOptions && glob[0]?.startsWith("-")));
  let at = 0;
  for (const value of rest) {
    const glob = wanted[at];
    if (glob !== undefined && (value === undefined || globMatches(glob, value))) at += 1;
  }
  return at === wanted.length;
}

/**
 * The pattern's words in an argument that is itself a program, or an option with one: `python -c "system('rm x')"`,
 * `--to-command=rm`, `su '-crm x'`.
 */
function isInArgument(pattern: ShellPattern, value: string, ofRunner: boolean): boolean {
  const attached = /^-[A-Za-z](.+)/s.exec(value)?.[1] ?? "";
  return (
    ((isCode(value) || value.includes("=")) && isInCode(pattern, value)) ||
    ((isCode(attached) || ofRunner) && isInCode(pattern, attached))
  );
}

function isInCode(pattern: ShellPattern, value: string): boolean {
  let rest = value;
  for (const glob of pattern.words) {
    if (isStar(glob)) continue;
    const found = tokenIn(rest, glob);
    if (found === undefined) return false;
    rest = found;
  }
  return true;
}

function tokenIn(text: string, glob: Glob): string | undefined {
  const literal = glob[0] ?? "";
  if (literal === "") return text;
  for (let at = text.indexOf(literal); at !== -1; at = text.indexOf(literal, at + 1)) {
    const end = at + literal.length;
    const isWhole =
      !/[\w-]/.test(text[at - 1] ?? "") && (hasWildcard(glob) || !/[\w-]/.test(text[end] ?? ""));
    if (isWhole) return text.slice(end);
  }
  return undefined;
}
