import MarkdownIt, { type Token } from "markdown-it";
import { inlineSpans, isLinkable } from "./inline.js";
import { BOLD, PRE, QUOTE, type Span } from "./spans.js";
import { alignedTable, type Cell } from "./table.js";

const LANGUAGE = /^[\w+#.-]+/;
const CHECKBOX = /^\[([ xX])\]\s+/;
/** Quote and list markers at the start of a line. */
const CONTAINERS = /^(?:[\s>*+-]|\d{1,9}[.)](?=\s|$))*/;

const parser = new MarkdownIt("default", { html: false, maxNesting: 60 });
// Both are shown as written: a definition would vanish, and an entity in a text for programmers is meant literally.
parser.disable(["reference", "entity"]);
parser.validateLink = isLinkable;

/** Converts Markdown to text in elements that messengers have. At most one empty line remains between blocks. */
export function parseMarkdown(markdown: string): Span[] {
  const text = markdown.replace(/\r\n?/g, "\n");
  return new Blocks(text.split("\n")).render(parser.parse(text, {}));
}

interface OpenTable {
  readonly start: number;
  readonly end: number;
  readonly rows: Cell[][];
}

/** Writes blocks below each other, with the source's spacing. */
class Blocks {
  readonly #spans: Span[] = [];
  /** The first line after the last block. */
  #line = 0;
  /** Markers of list items that begin with the next block. */
  #marker = "";
  #lists = 0;
  #quotes = 0;
  /** Whether the last block was in the open quote. */
  #inSameQuote = false;
  /** The end of the open heading. */
  #heading: number | undefined;
  #table: OpenTable | undefined;

  constructor(private readonly lines: readonly string[]) {}

  render(tokens: readonly Token[]): Span[] {
    for (const token of tokens) {
      if (this.#table !== undefined) this.#inTable(token, this.#table);
      else this.#token(token);
    }
    this.#writeSkipped(this.lines.length);
    return this.#spans;
  }

  #token(token: Token): void {
    const [start, end] = token.map ?? [this.#line, this.#line];
    switch (token.type) {
      case "blockquote_open":
        if (this.#quotes === 0) this.#inSameQuote = false;
        this.#quotes++;
        break;
      case "blockquote_close":
        this.#quotes--;
        break;
      case "bullet_list_open":
      case "ordered_list_open":
        this.#lists++;
        break;
      case "bullet_list_close":
      case "ordered_list_close":
        this.#lists--;
        break;
      case "list_item_open":
        this.#beginItem(token, start);
        break;
      case "list_item_close":
        if (this.#marker !== "") this.#write(this.#line, this.#line + 1, []);
        break;
      case "heading_open":
        this.#heading = end;
        break;
      case "inline":
        this.#inline(token, start, this.#heading ?? end);
        this.#heading = undefined;
        break;
      case "hr":
        this.#block(start, end, [{ text: "———", tags: [] }]);
        break;
      case "fence":
      case "code_block":
        this.#block(start, end, codeSpans(token));
        break;
      case "table_open":
        this.#table = { start, end, rows: [] };
        break;
    }
  }

  /** Messengers have no tables: it is shown in a monospaced font, aligned, or as written if it is too wide. */
  #inTable(token: Token, { start, end, rows }: OpenTable): void {
    if (token.type === "tr_open") rows.push([]);
    else if (token.type === "th_open" || token.type === "td_open")
      rows.at(-1)?.push({ text: "", right: token.attrGet("style") === "text-align:right" });
    else if (token.type === "inline") {
      const row = rows.at(-1);
      const cell = row?.pop() ?? { text: "", right: false };
      const text = inlineSpans(token.children ?? [], []).map((span) => span.text);
      row?.push({ ...cell, text: text.join("").replace(/\s+/g, " ") });
    } else if (token.type === "table_close") {
      const source = () => this.lines.slice(start, end).join("\n").trimEnd();
      this.#block(start, end, [{ text: alignedTable(rows) ?? source(), tags: [PRE] }]);
      this.#table = undefined;
    }
  }

  #beginItem({ info, markup }: Token, start: number): void {
    this.#writeSkipped(start);
    if (this.#marker === "") this.#marker = "  ".repeat(this.#lists - 1);
    this.#marker += info === "" ? "• " : `${info}${markup} `;
  }

  #inline({ children }: Token, start: number, end: number): void {
    const [first, ...rest] = inlineSpans(children ?? [], this.#heading === undefined ? [] : [BOLD]);
    const box = this.#marker.endsWith("• ") && first !== undefined ? CHECKBOX.exec(first.text) : null;
    if (first === undefined || box === null) {
      this.#block(start, end, first === undefined ? [] : [first, ...rest]);
      return;
    }
    const [marks, sign] = box;
    this.#marker = `${this.#marker.slice(0, -2)}${sign === " " ? "☐" : "☑"} `;
    this.#block(start, end, [{ ...first, text: first.text.slice(marks.length) }, ...rest]);
  }

  #block(start: number, end: number, spans: readonly Span[]): void {
    this.#writeSkipped(start);
    if (spans.length > 0 || this.#marker !== "") this.#write(start, end, spans);
    this.#line = end;
  }

  /** The parser skips content that is nested too deep; it is shown as written. */
  #writeSkipped(end: number): void {
    for (let at = this.#line; at < end; at++) {
      const line = this.lines[at] ?? "";
      if (line.replace(CONTAINERS, "") !== "") this.#write(at, at + 1, [{ text: line.trim(), tags: [] }]);
    }
  }

  #write(start: number, end: number, spans: readonly Span[]): void {
    const quote = this.#quotes > 0 ? [QUOTE] : [];
    if (this.#spans.length > 0) {
      const text = start > this.#line ? "\n\n" : "\n";
      this.#spans.push({ text, tags: this.#inSameQuote ? quote : [] });
    }
    if (this.#marker !== "") this.#spans.push({ text: this.#marker, tags: quote });
    for (const { text, tags } of spans) this.#spans.push({ text, tags: [...quote, ...tags] });
    this.#marker = "";
    this.#line = end;
    this.#inSameQuote = this.#quotes > 0;
  }
}

function codeSpans({ content, info }: Token): Span[] {
  const text = content.replace(/\n$/, "");
  const [language] = LANGUAGE.exec(info.trim()) ?? [];
  if (text === "") return [];
  return [{ text, tags: [language === undefined ? PRE : { kind: "pre", language }] }];
}
