const BLOCK = 512;

/**
 * For each event of a stream, how long the text is after it, and whether it is a text event. In four bytes for each event: a
 * text may arrive character by character.
 */
export class TextEnds {
  readonly #blocks: Uint32Array[] = [];
  #length = 0;

  /** The number of events. */
  get length(): number {
    return this.#length;
  }

  push(end: number, isText: boolean): void {
    const at = this.#length++ % BLOCK;
    if (at === 0) this.#blocks.push(new Uint32Array(BLOCK));
    const block = this.#blocks.at(-1);
    // A string has fewer than 2^29 characters.
    if (block !== undefined) block[at] = end * 2 + (isText ? 1 : 0);
  }

  /** False past the last event too. */
  isText(index: number): boolean {
    return this.#at(index) % 2 === 1;
  }

  /** The length of the text before an event. */
  before(index: number): number {
    return Math.floor(this.#at(index - 1) / 2);
  }

  #at(index: number): number {
    return this.#blocks[Math.floor(index / BLOCK)]?.[index % BLOCK] ?? 0;
  }
}
