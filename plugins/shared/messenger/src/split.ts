import { parseMarkdown } from "./markdown.js";
import { commonTags, isSameTag, type Span, type Tag } from "./spans.js";

/** How a messenger counts a message. */
export interface Sizes {
  /** The most that a message may have. */
  readonly limit: number;
  /** What a text adds, with what its escaping adds. */
  text(text: string): number;
  /** What an element adds around its text. */
  tag(tag: Tag): number;
}

/** Characters of a text that are rendered: far more than fit in the messages that are sent. */
export const MAX_RENDERED = 128 * 1024;

// Control characters except tab and newline, lone surrogates and noncharacters: messengers refuse or drop them.
const UNSENDABLE = /(?![\n\t])\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu;

/**
 * The first `MAX_RENDERED` characters of a Markdown text as messages, each within the limit. Empty if there is nothing
 * visible.
 */
export function messagesOf(markdown: string, sizes: Sizes): Span[][] {
  return splitSpans(parseMarkdown(sendable(markdown.slice(0, MAX_RENDERED))), sizes);
}

/** Replaces characters that cannot be sent. */
export function sendable(text: string): string {
  return text.replace(UNSENDABLE, "\ufffd");
}

/** The first part of a text that adds at most `most`, never cut within a grapheme. */
export function clip(text: string, most: number, sizes: Sizes): string {
  const [first = []] = splitSpans([{ text: beginningOf(sendable(text), most), tags: [] }], sizes, most);
  return first.map((span) => span.text).join("");
}

/**
 * As much of a text as decides on its first `most` characters: cutting a text of megabytes takes seconds. Blank lines at its
 * beginning are not sent. A line or word that is cut here is too long for one message, as it was before.
 */
function beginningOf(text: string, most: number): string {
  const visible = Math.max(0, text.search(/\S/));
  const line = text.lastIndexOf("\n", visible) + 1;
  const start = visible - line > most ? visible : line;
  return text.slice(start, start + 2 * most + WINDOW);
}

/** Spans as messages. Elements that cross a break are in both messages. */
function splitSpans(spans: readonly Span[], sizes: Sizes, limit = sizes.limit): Span[][] {
  const writer = new Writer(sizes, limit);
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
  readonly #messages: Span[][] = [];
  #spans: { text: string; readonly tags: readonly Tag[] }[] = [];
  #size = 0;
  #open: readonly Tag[] = [];
  #visible = false;

  constructor(
    private readonly sizes: Sizes,
    private readonly limit: number,
  ) {}

  /** Adds text, cut as coarsely as fits. */
  write(text: string, tags: readonly Tag[], cut = 0): void {
    for (const piece of CUTS[cut]?.(text) ?? []) {
      if (this.#add(piece, tags)) continue;
      const fitsAlone = this.sizes.text(piece) + this.#around(tags) <= this.limit;
      if (fitsAlone || cut === CUTS.length - 1) {
        this.#break();
        this.#add(piece, tags);
      } else this.write(piece, tags, cut + 1);
    }
  }

  end(): Span[][] {
    this.#break();
    return this.#messages;
  }

  /** False if it does not fit. */
  #add(piece: string, tags: readonly Tag[]): boolean {
    // A message never starts with empty lines.
    if (this.#spans.length === 0 && piece.trim() === "" && tags.length === 0) return true;
    const same = commonTags(this.#open, tags);
    const added = this.#around(tags.slice(same)) + this.sizes.text(piece);
    if (this.#size + added > this.limit) return false;
    this.#size += added;
    const last = this.#spans.at(-1);
    if (last !== undefined && same === tags.length && same === this.#open.length) last.text += piece;
    else this.#spans.push({ text: piece, tags });
    this.#open = tags;
    this.#visible ||= isVisible(piece);
    return true;
  }

  #around(tags: readonly Tag[]): number {
    return tags.reduce((sum, tag) => sum + this.sizes.tag(tag), 0);
  }

  #break(): void {
    // A message without visible text is refused.
    if (this.#visible) this.#messages.push(trimmedEnd(this.#spans));
    this.#spans = [];
    this.#size = 0;
    this.#open = [];
    this.#visible = false;
  }
}

function trimmedEnd(spans: readonly Span[]): Span[] {
  const end = spans.findLastIndex(({ text }) => text.trim() !== "");
  return spans
    .slice(0, end + 1)
    .map((span, index) => (index === end ? { ...span, text: span.text.trimEnd() } : span));
}

function isVisible(text: string): boolean {
  return /[^\p{White_Space}\p{Cc}\p{Cf}\p{Mn}\u115f\u1160\u2800\u3164\uffa0]/u.test(text);
}

/** Whether two texts look alike: then there is nothing to edit. */
export function isSameText(one: readonly Span[], other: readonly Span[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ text, tags }, index) => {
      const against = other[index];
      return (
        against?.text === text &&
        against.tags.length === tags.length &&
        tags.every((tag, at) => isSameTag(tag, against.tags[at]))
      );
    })
  );
}
