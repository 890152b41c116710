import { readFileSync } from "node:fs";

/** A fenced block of a page. */
export interface Block {
  /** What stands after the fence: `sh`, `ts`; an empty string where nothing does. */
  readonly language: string;
  readonly text: string;
  /** Of its first line, counted from 1. */
  readonly line: number;
  /** The block without a language right below it, on which its output stands. */
  readonly output: string | undefined;
}

const FENCED = /^```([^\n]*)\n([\s\S]*?)^```$(?:\n```\n([\s\S]*?)^```$)?/gm;

/** The fenced blocks of a page, each with the output that stands below it. */
export function blocksOf(page: URL): Block[] {
  const text = readFileSync(page, "utf8");
  return [...text.matchAll(FENCED)].map(({ 1: language = "", 2: block = "", 3: output, index }) => ({
    language,
    text: block,
    line: text.slice(0, index).split("\n").length + 1,
    output,
  }));
}

/** The text as a pattern in which `…` stands for anything, and a line of it for any lines; blanks at the end do not count. */
export function patternOf(output: string): RegExp {
  const pieces = output.trimEnd().split("\n…\n");
  const patterns = pieces.map((piece) => piece.split("…").map(escaped).join("[^]*?"));
  return new RegExp(`^${patterns.join("\\n(?:[^]*?\\n)?")}\\s*$`);
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
