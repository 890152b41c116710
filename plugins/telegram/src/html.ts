import { parseMarkdown } from "./markdown.js";
import { escapeHtml, type Span, type Tag } from "./spans.js";

/** Telegram's limit per message. Telegram counts the text without markup; we count the markup too, to be safe. */
export const MAX_CHARACTERS = 4096;

/** Characters of a text that are rendered: far more than fit in the messages that are sent. */
export const MAX_RENDERED = 128 * 1024;

// Control characters except tab and newline, lone surrogates and noncharacters: Telegram refuses or drops them.
const UNSENDABLE = /(?![\n\t])\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu;

/**
 * The first `MAX_RENDERED` characters of a Markdown text as messages in Telegram HTML. Each message is well-formed and
 * within the limit. Empty if there is nothing visible.
 */
export function toMessages(markdown: string, limit = MAX_CHARACTERS): string[] {
  return splitSpans(parseMarkdown(sendable(markdown.slice(0, MAX_RENDERED))), limit);
}

/** Replaces characters that cannot be sent. */
export function sendable(text: string): string {
  return text.replace(UNSENDABLE, "\ufffd");
}

/** Plain text, escaped and cut to the limit, never within a grapheme. */
export function plainHtml(text: string, most: number): string {
  const clean = sendable(text);
  const [first = ""] = splitSpans([{ text: clean, tags: [] }], most);
  return first;
}

/** Spans as messages. Elements that cross a break are closed before it and reopened after it. */
export function splitSpans(spans: readonly Span[], limit: number): string[] {
  const writer = new Writer(limit);
  for (const { text, tags } of spans) writer.write(text, tags);
  return writer.end();
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Units in which a text is cut, coarsest first. */
const CUTS: readonly ((text: string) => Iterable<string>)[] = [
  (text) => text.match(/[^\n]*\n|[^\n]+$/g) ?? [],
  (text) => text.match(/\S+\s*|\s+/g) ?? [],
  (text) => characters(text),
  (text) => text,
];

/** Segmenting is quadratic in the text's length, so it is done in windows. No real grapheme is longer. */
const WINDOW = 512;
/** Plain letters are handled in runs. */
const RUN = 64;
const ASCII = /^[ -~]*$/;

function* characters(text: string): Iterable<string> {
  for (let start = 0; start < text.length; ) {
    const window = text.slice(start, start + WINDOW);
    const more = start + WINDOW < text.length;
    if (ASCII.test(window)) {
      // The last one may be followed by a combining accent.
      const end = more ? window.length - 1 : window.length;
      for (let at = 0; at < end; at += RUN) yield window.slice(at, Math.min(at + RUN, end));
      start += end;
      continue;
    }
    const segments = Array.from(graphemes.segment(window), ({ segment }) => segment);
    // The last one may continue after the window.
    const last = more && segments.length > 1 ? (segments.pop()?.length ?? 0) : 0;
    yield* segments;
    start += window.length - last;
  }
}

class Writer {
  readonly #messages: string[] = [];
  #html = "";
  #open: readonly Tag[] = [];
  #visible = false;

  constructor(private readonly limit: number) {}

  /** Adds text, cut as coarsely as fits. */
  write(text: string, tags: readonly Tag[], cut = 0): void {
    for (const piece of CUTS[cut]?.(text) ?? []) {
      if (this.#add(piece, tags)) continue;
      const fitsAlone = escapeHtml(piece).length + around(tags) <= this.limit;
      if (fitsAlone || cut === CUTS.length - 1) {
        this.#break();
        this.#add(piece, tags);
      } else this.write(piece, tags, cut + 1);
    }
  }

  end(): string[] {
    this.#break();
    return this.#messages;
  }

  /** False if it does not fit. */
  #add(piece: string, tags: readonly Tag[]): boolean {
    // A message never starts with empty lines.
    if (this.#html === "" && piece.trim() === "" && tags.length === 0) return true;
    const same = commonTags(this.#open, tags);
    const before = closing(this.#open.slice(same)) + opening(tags.slice(same));
    const added = before + escapeHtml(piece);
    if (this.#html.length + added.length + closing(tags).length > this.limit) return false;
    this.#html += added;
    this.#open = tags;
    this.#visible ||= isVisible(piece);
    return true;
  }

  #break(): void {
    // Telegram refuses a message without visible text.
    if (this.#visible) this.#messages.push(this.#html.trimEnd() + closing(this.#open));
    this.#html = "";
    this.#open = [];
    this.#visible = false;
  }
}

function isVisible(text: string): boolean {
  return /[^\p{White_Space}\p{Cc}\p{Cf}\p{Mn}\u115f\u1160\u2800\u3164\uffa0]/u.test(text);
}

function commonTags(one: readonly Tag[], other: readonly Tag[]): number {
  let same = 0;
  while (same < one.length && same < other.length && one[same]?.open === other[same]?.open) same++;
  return same;
}

function around(tags: readonly Tag[]): number {
  return opening(tags).length + closing(tags).length;
}

function opening(tags: readonly Tag[]): string {
  return tags.map(({ open }) => open).join("");
}

function closing(tags: readonly Tag[]): string {
  return tags
    .map(({ close }) => close)
    .reverse()
    .join("");
}
