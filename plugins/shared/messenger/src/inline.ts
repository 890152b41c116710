import type { Token } from "markdown-it";
import { BOLD, CODE, ITALIC, type Span, STRIKE, type Tag } from "./spans.js";

const MAX_URL = 2048;
const LINKABLE = /^(?:https?:\/\/|tg:\/\/|mailto:)[^\s"<>]+$/i;

const EMPHASIS: Readonly<Record<string, Tag>> = { strong_open: BOLD, em_open: ITALIC, s_open: STRIKE };

/** Whether a URL can be opened from a chat. Links to others (a path, a script) are shown as written. */
export function isLinkable(url: string): boolean {
  return url.length <= MAX_URL && LINKABLE.test(url);
}

/** A block's text in its elements. @param around elements that enclose all of it */
export function inlineSpans(tokens: readonly Token[], around: readonly Tag[]): Span[] {
  const spans: Span[] = [];
  const open = [...around];
  for (const token of tokens) {
    if (token.nesting === 1) open.push(EMPHASIS[token.type] ?? anchor(token, "href"));
    else if (token.nesting === -1) open.pop();
    else {
      const { text, tags } = leaf(token, [...new Set(open)]);
      if (text !== "") spans.push({ text, tags });
    }
  }
  return spans;
}

function leaf(token: Token, tags: readonly Tag[]): Span {
  switch (token.type) {
    case "softbreak":
    case "hardbreak":
      return { text: "\n", tags };
    case "code_inline":
      return { text: token.content, tags: tagsOfCode(tags) };
    case "image":
      return {
        text: token.content || attributeOf(token, "src"),
        tags: tags.some(isLink) ? tags : [...tags, anchor(token, "src")],
      };
    default:
      return { text: token.content, tags };
  }
}

/** Code has no other style, and only a quote around it: for code in a link, the link is kept. */
function tagsOfCode(tags: readonly Tag[]): readonly Tag[] {
  return tags.some(isLink) ? tags : [...tags.filter(({ kind }) => kind === "quote"), CODE];
}

function anchor(token: Token, attribute: "href" | "src"): Tag {
  return { kind: "link", url: attributeOf(token, attribute) };
}

function attributeOf(token: Token, name: string): string {
  return String(token.attrGet(name) ?? "");
}

function isLink({ kind }: Tag): boolean {
  return kind === "link";
}
