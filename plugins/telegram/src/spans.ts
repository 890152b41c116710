/** An HTML element that Telegram supports. */
export interface Tag {
  readonly open: string;
  readonly close: string;
}

/** Unescaped text, and the elements that enclose it, outermost first. */
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

/** Escapes text for Telegram HTML, including attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

function tag(name: string): Tag {
  return { open: `<${name}>`, close: `</${name}>` };
}
