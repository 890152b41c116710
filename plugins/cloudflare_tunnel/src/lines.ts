/** Longer lines are cut. cloudflared's longest line contains a configuration. */
const MAX_LINE = 256 * 1024;

/** Splits a stream of text into lines. Buffers at most one line. */
export class Lines {
  #begun = "";

  constructor(private readonly emit: (line: string) => void) {}

  push(text: string): void {
    let from = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", from)) {
      this.#add(text.slice(from, end));
      this.emit(this.#begun);
      this.#begun = "";
      from = end + 1;
    }
    this.#add(text.slice(from));
  }

  #add(part: string): void {
    if (this.#begun.length < MAX_LINE) this.#begun += part.slice(0, MAX_LINE - this.#begun.length);
  }
}
