/** Levels of lists and objects in a body. Valid bodies have a few. */
export const MAX_LEVELS = 200;
/** Items of all lists and objects. Parsing each takes a microsecond or more and blocks all other requests. */
export const MAX_ITEMS = 50_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Limits the levels and items of JSON, chunk by chunk, before it is parsed. Invalid JSON is counted the same way. */
export class JsonShape {
  #levels = 0;
  #items = 0;
  #inString = false;
  /** True if the previous chunk ended with a backslash, which escapes the next character. */
  #escaped = false;

  /** The problem found so far, if any. */
  take(piece: Buffer): string | undefined {
    const exceeded = this.exceeded(piece);
    if (exceeded === "levels") return `the body must be nested at most ${MAX_LEVELS} levels deep`;
    if (exceeded === "items") return `the body must have at most ${MAX_ITEMS} items in its lists and objects`;
    return undefined;
  }

  /** The limit that is exceeded so far, if any. */
  exceeded(piece: Buffer): "levels" | "items" | undefined {
    let at = 0;
    while (at < piece.length) {
      at = this.#inString ? this.#endOfString(piece, at) : this.#startOfString(piece, at);
      if (this.#levels > MAX_LEVELS) return "levels";
      if (this.#items > MAX_ITEMS) return "items";
    }
    return undefined;
  }

  /** Begins another text, whose items are counted with those before. */
  next(): void {
    this.#levels = 0;
    this.#inString = false;
    this.#escaped = false;
  }

  /** Stops early if a limit is exceeded. */
  #startOfString(piece: Buffer, from: number): number {
    let levels = this.#levels;
    let items = this.#items;
    let at = from;
    for (; at < piece.length && levels <= MAX_LEVELS && items <= MAX_ITEMS; at++) {
      const byte = piece[at];
      if (byte === QUOTE) {
        this.#inString = true;
        at++;
        break;
      }
      if (byte === COMMA) items++;
      else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
        levels++;
        items++;
      } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) levels--;
    }
    this.#levels = levels;
    this.#items = items;
    return at;
  }

  #endOfString(piece: Buffer, from: number): number {
    const start = this.#escaped ? from + 1 : from;
    this.#escaped = false;
    for (let at = start; ; at = at + 1) {
      const quote = piece.indexOf(QUOTE, at);
      const end = quote === -1 ? piece.length : quote;
      let slashes = 0;
      while (end - slashes > at && piece[end - slashes - 1] === BACKSLASH) slashes++;
      const isEscaped = slashes % 2 === 1;
      if (quote === -1) {
        this.#escaped = isEscaped;
        return piece.length;
      }
      if (!isEscaped) {
        this.#inString = false;
        return quote + 1;
      }
      at = quote;
    }
  }
}
