/** One HTML element that Telegram knows. */
export interface Tag {
  readonly open: string;
  readonly close: string;
}

/** A piece of text, not escaped, and the elements that it stands in, outermost first. */
export interface Span {
  readonly text: string;
  readonly tags: readonly Tag[];
}

export const BOLD = tag("b");
export const ITALIC = tag("i");
export const STRIKE = tag("s");
export const CODE = tag("code");
export const PRE = tag("pre");
export const QUOTE = tag("blockquote");

/** Text as Telegram's HTML takes it, in an attribute too. */
export function escapeHtml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

function tag(name: string): Tag {
  return { open: `<${name}>`, close: `</${name}>` };
}
