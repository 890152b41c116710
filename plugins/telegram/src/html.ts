import { commonTags, type Sizes, type Span, type Tag } from "@claudeway/messenger";

/** Telegram's limit per message. Telegram counts the text without markup; we count the markup too, to be safe. */
const MAX_CHARACTERS = 4096;

export const SIZES: Sizes = {
  limit: MAX_CHARACTERS,
  text: (text) => escapeHtml(text).length,
  tag: (tag) => opening(tag).length + closing(tag).length,
};

/** Spans as Telegram HTML. Text is escaped, elements are closed in order. */
export function toHtml(spans: readonly Span[]): string {
  let html = "";
  let open: readonly Tag[] = [];
  for (const { text, tags } of spans) {
    const same = commonTags(open, tags);
    html += closeAll(open.slice(same)) + tags.slice(same).map(opening).join("") + escapeHtml(text);
    open = tags;
  }
  return html + closeAll(open);
}

/** Plain text as Telegram HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

function closeAll(tags: readonly Tag[]): string {
  return tags.map(closing).reverse().join("");
}

const ELEMENTS = { bold: "b", italic: "i", strike: "s", code: "code", quote: "blockquote" } as const;

function opening(tag: Tag): string {
  if (tag.kind === "link") return `<a href="${escapeHtml(tag.url)}">`;
  if (tag.kind === "user") return "";
  if (tag.kind !== "pre") return `<${ELEMENTS[tag.kind]}>`;
  return tag.language === undefined ? "<pre>" : `<pre><code class="language-${tag.language}">`;
}

function closing(tag: Tag): string {
  if (tag.kind === "link") return "</a>";
  if (tag.kind === "user") return "";
  if (tag.kind !== "pre") return `</${ELEMENTS[tag.kind]}>`;
  return tag.language === undefined ? "</pre>" : "</code></pre>";
}
