import type { Buttons, Sizes, Span, Tag } from "@claudeway/messenger";
import type { KnownBlock, RichTextBlock } from "@slack/web-api";
import { clip, escapeText } from "./blocks.js";

/** Well below Slack's limits for a message, of which the documented ones differ by kind of block. */
const MAX_CHARACTERS = 3500;
/** For notifications and old clients. */
const MAX_FALLBACK = 1000;
/** Rows with one button each; more of them become a menu. */
const MAX_ROWS = 5;
const MAX_LABEL = 70;

/** A person, as `Person.name` has them. */
const USER = /^<@([UW][A-Z0-9]+)>$/;

/** Each styled piece of text is an element of the message's JSON, which Slack limits too. */
const STYLE_SIZE = 6;

export const SIZES: Sizes = {
  limit: MAX_CHARACTERS,
  text: (text) => text.length,
  tag: (tag) => (tag.kind === "link" ? tag.url.length : STYLE_SIZE),
};

type Group = RichTextBlock["elements"][number];
type Inline = Extract<Group, { type: "rich_text_section" }>["elements"][number];

/**
 * Spans as a block of rich text. It is shown verbatim, so it needs no escaping: no text in it is a mention, a link or
 * markup. Only a span that is a person becomes a mention.
 */
export function richText(spans: readonly Span[]): RichTextBlock {
  const groups: { readonly kind: Group["type"]; readonly spans: Span[] }[] = [];
  for (const span of spans) {
    const kind = groupOf(span.tags);
    const last = groups.at(-1);
    if (last?.kind === kind) last.spans.push(span);
    else groups.push({ kind, spans: [span] });
  }
  const elements = groups.flatMap((group, index) => {
    // A block is on lines of its own: the line breaks around it are not text.
    let inner = group.spans;
    if (index > 0) inner = edge(inner, 0, (text) => text.replace(/^\n/, ""));
    if (index < groups.length - 1) inner = edge(inner, inner.length - 1, (text) => text.replace(/\n$/, ""));
    return toGroup(group.kind, inner) ?? [];
  });
  return { type: "rich_text", elements };
}

/** The text of a message for notifications, escaped: it mentions only spans that are persons. */
export function fallbackOf(spans: readonly Span[]): string {
  const whole = spans.map(({ text }) => text).join("");
  if (whole.length > MAX_FALLBACK) return escapeText(clip(whole, MAX_FALLBACK));
  return spans.map((span) => (userIn(span) === undefined ? escapeText(span.text) : span.text)).join("");
}

/** Buttons as blocks: a row each, or a menu if there are many rows of one button. */
export function buttonBlocks(rows: Buttons, placeholder: string): KnownBlock[] {
  const single = rows.filter((row) => row.length === 1);
  const menu = single.length > MAX_ROWS ? single.slice(0, 100) : [];
  const others = rows.filter((row) => !menu.includes(row)).slice(0, 40);
  return [...(menu.length > 0 ? [menuBlock(menu, placeholder)] : []), ...others.map(rowBlock)];
}

function menuBlock(rows: Buttons, placeholder: string): KnownBlock {
  const options = rows.flatMap((row) => row.map(({ label, data }) => ({ text: plain(label), value: data })));
  const menu = {
    type: "static_select",
    action_id: "menu",
    placeholder: plain(placeholder),
    options,
  } as const;
  return { type: "actions", elements: [menu] };
}

function rowBlock(row: Buttons[number], index: number): KnownBlock {
  const elements = row.slice(0, 25).map(({ label, data, style }, at) => ({
    type: "button" as const,
    text: plain(label),
    value: data,
    action_id: `button-${index}-${at}`,
    ...(style !== undefined && { style }),
  }));
  return { type: "actions", elements };
}

function plain(text: string) {
  return { type: "plain_text", text: clip(text, MAX_LABEL), emoji: true } as const;
}

function groupOf(tags: readonly Tag[]): Group["type"] {
  if (tags.some(({ kind }) => kind === "pre")) return "rich_text_preformatted";
  return tags.some(({ kind }) => kind === "quote") ? "rich_text_quote" : "rich_text_section";
}

function edge(spans: Span[], at: number, change: (text: string) => string): Span[] {
  return spans.map((span, index) => (index === at ? { ...span, text: change(span.text) } : span));
}

function toGroup(kind: Group["type"], spans: readonly Span[]): Group | undefined {
  const shown = spans.filter(({ text }) => text !== "");
  if (shown.length === 0) return undefined;
  if (kind === "rich_text_preformatted") {
    const text = shown.map((span) => span.text).join("");
    return { type: kind, elements: [{ type: "text", text }] };
  }
  const elements = shown.map(toInline);
  return kind === "rich_text_quote" ? { type: kind, elements } : { type: "rich_text_section", elements };
}

/** The id of the person that a span is. */
function userIn({ text, tags }: Span): string | undefined {
  return tags.some(({ kind }) => kind === "user") ? USER.exec(text)?.[1] : undefined;
}

function toInline(span: Span): Inline {
  const { text, tags } = span;
  const style = Object.fromEntries(
    tags.flatMap(({ kind }) =>
      kind === "bold" || kind === "italic" || kind === "strike" || kind === "code" ? [[kind, true]] : [],
    ),
  );
  const styled = Object.keys(style).length > 0 ? { style } : {};
  const user = userIn(span);
  if (user !== undefined) return { type: "user", user_id: user, ...styled };
  const link = tags.find((tag) => tag.kind === "link");
  // Slack opens these only.
  if (link?.kind === "link" && /^(?:https?|mailto):/i.test(link.url))
    return { type: "link", url: link.url, text, ...styled };
  return { type: "text", text, ...styled };
}
