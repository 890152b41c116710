import { BOLD, CODE, escapeHtml, ITALIC, QUOTE, type Span, STRIKE, type Tag } from "./spans.js";

/** Deeper than this, signs are left as they are. */
const MOST_NESTED = 6;

const SIGNS: readonly (readonly [sign: string, tag: Tag])[] = [
  ["**", BOLD],
  ["__", BOLD],
  ["~~", STRIKE],
  ["*", ITALIC],
  ["_", ITALIC],
];

/** Adds a line's text in its elements. Each kind of sign is looked for to the end in vain once at most: time is linear. */
export function inline(text: string, tags: readonly Tag[], spans: Span[]): void {
  const vain = new Set<string>();
  let plain = "";
  const flush = (): void => {
    if (plain !== "") spans.push({ text: plain, tags });
    plain = "";
  };
  for (let at = 0; at < text.length; ) {
    const found =
      escaped(text, at) ??
      code(text, at, vain, tags) ??
      link(text, at, vain, tags) ??
      emphasis(text, at, vain, tags);
    if (found === undefined) {
      plain += text.charAt(at++);
      continue;
    }
    if (typeof found.inner === "string") plain += found.inner;
    else {
      flush();
      if (found.inner.raw) spans.push({ text: found.inner.text, tags: found.inner.tags });
      else inline(found.inner.text, found.inner.tags, spans);
    }
    at = found.end;
  }
  flush();
}

interface Found {
  readonly end: number;
  /** Text as it is, or what stands in further elements; `raw`: signs in it mean nothing. */
  readonly inner: string | (Span & { readonly raw: boolean });
}

function escaped(text: string, at: number): Found | undefined {
  if (text.charAt(at) !== "\\" || !/[!-/:-@[-`{-~]/.test(text.charAt(at + 1))) return undefined;
  return { end: at + 2, inner: text.charAt(at + 1) };
}

function code(text: string, at: number, vain: Set<string>, tags: readonly Tag[]): Found | undefined {
  if (text.charAt(at) !== "`") return undefined;
  let open = at;
  while (text.charAt(open) === "`") open++;
  const marks = text.slice(at, open);
  const close = vain.has(marks) ? -1 : closingRun(text, open, marks.length);
  if (close === -1) {
    vain.add(marks);
    return { end: open, inner: marks };
  }
  return {
    end: close + marks.length,
    inner: { text: withoutPadding(text.slice(open, close)), tags: tagsOfCode(tags), raw: true },
  };
}

/** Telegram lets code stand in a quote and in nothing else: of code in a link the link is kept. */
function tagsOfCode(tags: readonly Tag[]): readonly Tag[] {
  return tags.some(isLink) ? tags : [...tags.filter((one) => one === QUOTE), CODE];
}

/** A blank on either side lets code begin or end with a backtick. */
function withoutPadding(text: string): string {
  const padded = text.startsWith(" ") && text.endsWith(" ") && text.trim() !== "";
  return padded ? text.slice(1, -1) : text;
}

function closingRun(text: string, from: number, length: number): number {
  for (let at = text.indexOf("`", from); at !== -1; at = text.indexOf("`", at)) {
    const start = at;
    while (text.charAt(at) === "`") at++;
    if (at - start === length) return start;
  }
  return -1;
}

const MOST_URL = 2048;
const LINKABLE = /^(?:https?:\/\/|tg:\/\/|mailto:)[^\s"<>]+$/i;

function link(text: string, at: number, vain: Set<string>, tags: readonly Tag[]): Found | undefined {
  const image = text.startsWith("![", at);
  if (!image && text.charAt(at) !== "[") return undefined;
  const middle = vain.has("](") ? -1 : text.indexOf("](", at);
  if (middle === -1) {
    vain.add("](");
    return undefined;
  }
  const end = closingParenthesis(text, middle + 2);
  if (end === -1) return undefined;
  const url = text
    .slice(middle + 2, end)
    .trim()
    .replace(/\s+"[^"]*"$/, "")
    .replace(/^<(.*)>$/, "$1");
  // Of several brackets the last one belongs to the address: "[x] see [this](https://…)".
  if (text.lastIndexOf("[", middle) > at + (image ? 1 : 0)) return undefined;
  const label = text.slice(at + (image ? 2 : 1), middle);
  // What can't be opened from a chat (a path, an anchor, a script) is shown instead.
  if (!LINKABLE.test(url) || tags.length >= MOST_NESTED)
    return { end: middle + 2, inner: text.slice(at, middle + 2) };
  const anchor = { open: `<a href="${escapeHtml(url)}">`, close: "</a>" };
  return {
    end: end + 1,
    inner: { text: label === "" ? url : label, tags: [...tags, anchor], raw: label === "" },
  };
}

function isLink({ close }: Tag): boolean {
  return close === "</a>";
}

function closingParenthesis(whole: string, from: number): number {
  const text = whole.slice(0, from + MOST_URL);
  const end = text.indexOf(")", from);
  const inner = text.indexOf("(", from);
  // Addresses may hold one pair: https://en.wikipedia.org/wiki/Claude_(name)
  return inner !== -1 && inner < end && text.charAt(end + 1) === ")" ? end + 1 : end;
}

function emphasis(text: string, at: number, vain: Set<string>, tags: readonly Tag[]): Found | undefined {
  const [sign, element] = SIGNS.find(([candidate]) => text.startsWith(candidate, at)) ?? [];
  if (sign === undefined || element === undefined) return undefined;
  const end = vain.has(sign) || tags.length >= MOST_NESTED ? -1 : closingSign(text, at, sign);
  if (end === -1) {
    if (tags.length < MOST_NESTED && opens(text, at, sign)) vain.add(sign);
    return { end: at + sign.length, inner: sign };
  }
  const inner = text.slice(at + sign.length, end);
  const inside = tags.includes(element) ? tags : [...tags, element];
  return { end: end + sign.length, inner: { text: inner, tags: inside, raw: false } };
}

function opens(text: string, at: number, sign: string): boolean {
  const next = text.charAt(at + sign.length);
  if (next === "" || /\s/.test(next) || next === sign.charAt(0)) return false;
  return !sign.startsWith("_") || !isWord(text.charAt(at - 1));
}

function closingSign(text: string, at: number, sign: string): number {
  if (!opens(text, at, sign)) return -1;
  let from = at + sign.length + 1;
  for (let end = text.indexOf(sign, from); end !== -1; end = text.indexOf(sign, from)) {
    const after = text.charAt(end + sign.length);
    const whole = !/\s/.test(text.charAt(end - 1)) && !(sign.startsWith("_") && isWord(after));
    // A single sign that belongs to a double one closes nothing.
    // Of three signs in a row the last two are the double one.
    if (whole && sign.length === 2 && after === sign.charAt(0)) return end + 1;
    if (whole && !(sign.length === 1 && after === sign)) return end;
    from = end + (sign.length === 1 && after === sign ? 2 : sign.length);
  }
  return -1;
}

function isWord(character: string): boolean {
  return /[\p{L}\p{N}_]/u.test(character);
}
