const TAGS = /<(\/?)([a-z]+)((?:\s[^<>]*)?)>|[<>]/g;
const ENTITY = /&(?:lt|gt|amp|quot);/g;
const KNOWN = ["b", "i", "s", "u", "a", "code", "pre", "blockquote"];

/** Telegram's error for HTML that it refuses; undefined if it accepts it. */
export function complainAboutHtml(html: string): string | undefined {
  if (!html.isWellFormed()) return "strings must be encoded in UTF-8";
  if (html.replace(ENTITY, "").includes("&")) return "an entity is broken";
  const open: string[] = [];
  for (const [whole, slash, name, attributes = ""] of html.matchAll(TAGS)) {
    if (name === undefined || !KNOWN.includes(name)) return `unsupported tag ${whole}`;
    if (slash === "/") {
      if (open.pop() !== name) return `unexpected end tag ${name}`;
      continue;
    }
    const complaint = complainAboutTag(name, attributes, open);
    if (complaint !== undefined) return complaint;
    open.push(name);
  }
  return open.length === 0 ? undefined : `can't find end tag of ${open.at(-1)}`;
}

function complainAboutTag(name: string, attributes: string, open: readonly string[]): string | undefined {
  if (
    name === "a"
      ? !/^ href="(?:https?|tg|mailto):[^"<>]*"$/.test(attributes)
      : !isAttributeOf(name, attributes)
  ) {
    return `wrong attributes of ${name}:${attributes}`;
  }
  if (open.includes("code") || (open.includes("pre") && name !== "code")) return `${name} inside code`;
  if (open.includes(name)) return `${name} inside ${name}`;
  const around = open.filter((one) => one !== "blockquote" && one !== "pre");
  return name === "code" && around.length > 0 ? `code inside ${around.join(" ")}` : undefined;
}

function isAttributeOf(name: string, attributes: string): boolean {
  return attributes === "" || (name === "code" && /^ class="language-[\w+#.-]+"$/.test(attributes));
}

/** The unparsed rest. */
export function visibleText(html: string): string {
  const text = html.replace(/<[^>]*>/g, "");
  return text
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, "&");
}
