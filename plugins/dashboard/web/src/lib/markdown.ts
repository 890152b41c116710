import MarkdownIt from "markdown-it";

/** A piece of Markdown: text, or an element with pieces in it. */
export type Piece = TextPiece | ElementPiece;

export interface TextPiece {
  readonly tag: undefined;
  readonly text: string;
}

export interface ElementPiece {
  readonly tag: Tag;
  /** Of a link; http, https or mailto. */
  readonly href: string | undefined;
  /** Of a numbered list; 1 if it is not set. */
  readonly start?: number | undefined;
  readonly children: Piece[];
}

const TAGS = [
  "p",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
  "ul",
  "ol",
  "li",
  "blockquote",
  "pre",
  "code",
  "em",
  "strong",
  "s",
  "a",
  "table",
  "thead",
  "tbody",
  "tr",
  "th",
  "td",
  "hr",
  "br",
] as const;
export type Tag = (typeof TAGS)[number];

const LINK = /^(?:https?:\/\/|mailto:)/i;

/** Without HTML: what looks like a tag is text. Without images: the pages load nothing from other hosts. */
const parser = new MarkdownIt({ html: false, maxNesting: 30 }).disable(["image"]);

/**
 * Markdown as a tree. It is rendered element by element from a closed list of tags, and text as text nodes: no string of
 * a model or a caller ever becomes markup.
 */
export function piecesOf(markdown: string): Piece[] {
  return treeOf(parser.parse(markdown, {}));
}

type Token = ReturnType<typeof parser.parse>[number];

function treeOf(tokens: readonly Token[]): Piece[] {
  const root: Piece[] = [];
  const open: Piece[][] = [root];
  const into = () => open.at(-1) ?? root;
  for (const token of tokens) {
    if (token.nesting === -1) {
      // The parser balances tokens; a hidden paragraph has opened nothing.
      if (!token.hidden) open.pop();
    } else if (token.nesting === 1) {
      if (token.hidden) continue;
      const element = elementOf(token);
      into().push(element);
      open.push(element.children);
    } else into().push(...leavesOf(token));
  }
  return root;
}

function leavesOf(token: Token): Piece[] {
  const { type, content, children } = token;
  if (type === "inline") return treeOf(children ?? []);
  if (type === "softbreak") return [text("\n")];
  if (type === "code_inline") return [{ ...elementOf(token), children: [text(content)] }];
  if (type === "fence" || type === "code_block") {
    return [{ tag: "pre", href: undefined, children: [text(content.replace(/\n$/, ""))] }];
  }
  if (type === "hardbreak" || type === "hr") return [elementOf(token)];
  return content === "" ? [] : [text(content)];
}

function elementOf(token: Token): ElementPiece {
  const tag = TAGS.find((known) => known === token.tag) ?? "p";
  const href = tag === "a" ? String(token.attrGet("href") ?? "") : "";
  const start = tag === "ol" ? Number(token.attrGet("start") ?? 1) : undefined;
  return {
    tag,
    href: LINK.test(href) ? href : undefined,
    start: Number.isInteger(start) ? start : undefined,
    children: [],
  };
}

function text(content: string): TextPiece {
  return { tag: undefined, text: content };
}
