/** Pieces are joined once there are so many of them. */
const MAX_PIECES = 1024;

/** A text that grows by pieces. A string that is added to keeps each piece as an object, and another one for the sum. */
export class GrowingText {
  #text = "";
  #pieces: string[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(piece: string): void {
    this.#length += piece.length;
    this.#pieces.push(piece);
    if (this.#pieces.length >= MAX_PIECES) this.#join();
  }

  toString(): string {
    this.#join();
    return this.#text;
  }

  #join(): void {
    this.#text += this.#pieces.join("");
    this.#pieces = [];
  }
}
