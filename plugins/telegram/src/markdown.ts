import { inline } from "./inline.js";
import { BOLD, PRE, QUOTE, type Span } from "./spans.js";

// One text can hold up the whole gateway: no pattern here may take more than a line's length, however the line is made.
const FENCE = /^(\s*)(`{3,}|~{3,})/;
const LANGUAGE = /^[\w+#.-]*/;
const HEADING = /^ {0,3}#{1,6}(?=\s)/;
const CLOSING_HASHES = /(?:^|\s)#+$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(?:\[([ xX])\]\s+)?(.*)$/;
const QUOTED = /^ {0,3}>\s?(.*)$/;
const TABLE_RULE_CELL = /^:?-+:?$/;

/** Markdown as models write it, as text in Telegram's elements. Unclosed signs are text; an unclosed code block ends with the text. */
export function parseMarkdown(markdown: string): Span[] {
  const lines = markdown.replace(/\r\n?/g, "\n").split("\n");
  const spans: Span[] = [];
  for (let at = 0; at < lines.length; ) {
    const taken = fence(lines, at, spans) || table(lines, at, spans) || quote(lines, at, spans);
    if (taken === 0) line(lines[at] ?? "", spans);
    at += taken || 1;
    if (at < lines.length) spans.push({ text: "\n", tags: [] });
  }
  return spans;
}

/** How many lines a code block takes; 0: none begins here. In a list it stands as far in as the item's text. */
function fence(lines: readonly string[], at: number, spans: Span[]): number {
  const [opening = "", indent = "", marks] = FENCE.exec(lines[at] ?? "") ?? [];
  const info = lines[at]?.slice(opening.length).trim() ?? "";
  if (marks === undefined || info.includes("`")) return 0;
  let end = at + 1;
  while (end < lines.length && !closes(lines[end] ?? "", marks)) end++;
  const [language = ""] = LANGUAGE.exec(info) ?? [];
  const tags = language ? [PRE, { open: `<code class="language-${language}">`, close: "</code>" }] : [PRE];
  const text = lines
    .slice(at + 1, end)
    .map((inside) => withoutIndent(inside, indent.length))
    .join("\n");
  if (text !== "") spans.push({ text, tags });
  return Math.min(end + 1, lines.length) - at;
}

function closes(text: string, marks: string): boolean {
  const bare = text.trim();
  return bare.length >= marks.length && bare === marks.charAt(0).repeat(bare.length);
}

function withoutIndent(text: string, most: number): string {
  const indent = text.length - text.trimStart().length;
  return text.slice(Math.min(indent, most));
}

/** Telegram has no tables: one is shown as it was written, in letters of one width. */
function table(lines: readonly string[], at: number, spans: Span[]): number {
  if (!lines[at]?.includes("|") || !isTableRule(lines[at + 1] ?? "")) return 0;
  let end = at + 2;
  while (end < lines.length && lines[end]?.includes("|")) end++;
  spans.push({ text: lines.slice(at, end).join("\n"), tags: [PRE] });
  return end - at;
}

function isTableRule(text: string): boolean {
  const cells = text.trim().split("|");
  if (cells[0] === "") cells.shift();
  if (cells.at(-1) === "") cells.pop();
  return text.includes("|") && cells.length > 0 && cells.every((cell) => TABLE_RULE_CELL.test(cell.trim()));
}

function quote(lines: readonly string[], at: number, spans: Span[]): number {
  let end = at;
  for (let hit = QUOTED.exec(lines[end] ?? ""); hit !== null; hit = QUOTED.exec(lines[end] ?? "")) {
    if (end > at) spans.push({ text: "\n", tags: [QUOTE] });
    inline(hit[1] ?? "", [QUOTE], spans);
    end++;
    if (end >= lines.length) break;
  }
  return end - at;
}

function line(text: string, spans: Span[]): void {
  const heading = headingOf(text);
  const item = ITEM.exec(text);
  if (heading !== undefined) inline(heading, [BOLD], spans);
  else if (RULE.test(text)) spans.push({ text: "———", tags: [] });
  else if (item !== null) listItem(item, spans);
  else inline(text, [], spans);
}

function headingOf(text: string): string | undefined {
  const [hashes] = HEADING.exec(text) ?? [];
  return hashes === undefined
    ? undefined
    : text.slice(hashes.length).trim().replace(CLOSING_HASHES, "").trim();
}

function listItem([, indent = "", number, box, rest = ""]: RegExpExecArray, spans: Span[]): void {
  const point = number === undefined ? "•" : `${number}.`;
  const sign = box === undefined ? point : box === " " ? "☐" : "☑";
  spans.push({ text: `${indent.replace(/\t/g, "  ")}${sign} `, tags: [] });
  inline(rest, [], spans);
}
