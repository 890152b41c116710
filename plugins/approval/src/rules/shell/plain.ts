import type { Command, Script, Statement, Word } from "unbash";
import { hasHidden } from "../characters.js";

const NAME = /^[A-Za-z0-9_./][A-Za-z0-9_./+-]*$/;

// Characters that are literal in bash and zsh with any options: no `~`, `^`, `#`, `!`, braces, globs.
const BARE = /^[A-Za-z0-9_./:@%+,-]+=?[A-Za-z0-9_./:@%+,=-]*/;
const SINGLE = /^'[^'\n]*'/;
const DOUBLE = /^"[^"$`\\!\n]*"/;

/**
 * Whether a script consists only of simple commands of literal words, joined by `;`, `&&`, `||`, `|` or line breaks. Both the
 * tree and every character of the source must confirm it, so that text that the parser overlooks, or reads differently from
 * the shell, is refused too.
 */
export function isPlain(source: string, script: Script): boolean {
  if (hasHidden(source.replaceAll("\n", " "))) return false;
  const commands: Command[] = [];
  if (!script.commands.every((statement) => gather(statement, commands))) return false;
  const words = commands.map(wordsOf);
  return words.every((found) => found !== undefined) && accountsFor(source, words);
}

function gather({ command, background }: Statement, into: Command[]): boolean {
  if (background) return false;
  const chain = command.type === "AndOr" ? command.commands : [command];
  return chain.every((link) => {
    if (link.type === "Command") return into.push(link) > 0;
    if (link.type !== "Pipeline" || link.prefixes.length > 0 || link.operators.some((sign) => sign !== "|"))
      return false;
    return link.commands.every((stage) => stage.type === "Command" && into.push(stage) > 0);
  });
}

function wordsOf({ name, prefix, suffix }: Command): Word[] | undefined {
  if (name === undefined || prefix.length > 0 || !NAME.test(name.text)) return undefined;
  const rest = suffix.filter((part) => part.type === "Word");
  return rest.length === suffix.length && rest.every(({ text }) => isLiteral(text))
    ? [name, ...rest]
    : undefined;
}

function isLiteral(text: string): boolean {
  let rest = text;
  while (rest !== "") {
    const [piece] = BARE.exec(rest) ?? SINGLE.exec(rest) ?? DOUBLE.exec(rest) ?? [];
    if (piece === undefined) return false;
    rest = rest.slice(piece.length);
  }
  return text !== "";
}

function accountsFor(source: string, commands: readonly (readonly Word[])[]): boolean {
  let at = 0;
  const gapMatches = (pos: number, expected: RegExp) => expected.test(source.slice(at, pos));
  for (const [index, words] of commands.entries()) {
    for (const [place, { pos, end, text }] of words.entries()) {
      const expected = place > 0 ? /^ +$/ : index > 0 ? /^ *(?:;|&&|\|\|?|\n) *$/ : /^[ \n]*$/;
      if (!gapMatches(pos, expected) || source.slice(pos, end) !== text) return false;
      at = end;
    }
  }
  return commands.length > 0 && gapMatches(source.length, /^ *;?[ \n]*$/);
}
