/** Pieces are joined once there are so many of them: each by itself is an object. */
const MAX_PIECES = 1024;
/** A part is complete at so many characters. */
const PART_CHARS = 65_536;

/**
 * A text that grows by pieces. It takes little more memory than its characters, however short the pieces are. Its parts are never
 * joined: whoever keeps what was cut out of it, or out of a part, keeps no copy of all of it.
 */
export class GrowingText {
  /** All but the last have `PART_CHARS` or more. */
  readonly #parts: string[] = [];
  /** The text after the parts. */
  #pieces: string[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(piece: string): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#pieces.length >= MAX_PIECES) this.#join();
  }

  /** The text between two offsets. */
  slice(from: number, end: number): string {
    this.#join();
    const found: string[] = [];
    let before = this.#length;
    for (let index = this.#parts.length - 1; before > from && index >= 0; index--) {
      const part = this.#parts[index] ?? "";
      before -= part.length;
      if (before < end) found.unshift(part.slice(Math.max(0, from - before), end - before));
    }
    return found.join("");
  }

  toString(): string {
    this.#join();
    return this.#parts.join("");
  }

  /** A string that is joined from an array is one piece of memory; one that is added to is a tree of all that was added. */
  #join(): void {
    if (this.#pieces.length === 0) return;
    const last = this.#parts.at(-1);
    if (last !== undefined && last.length < PART_CHARS) this.#pieces.unshift(this.#parts.pop() ?? "");
    this.#parts.push(this.#pieces.join(""));
    this.#pieces = [];
  }
}
