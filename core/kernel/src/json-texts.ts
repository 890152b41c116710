import { JsonShape, MAX_JSON_ITEMS, MAX_JSON_LEVELS } from "@claudeway/schemas";

/**
 * Checks JSON in the texts of one request before it is parsed, with the limits of a body: its levels, and the items of all
 * its texts. The gateway checks the body of a request, but not JSON in a text of it.
 *
 * @example
 * const texts = new JsonTexts();
 * const problem = texts.problemIn(call.arguments);
 * if (problem !== undefined) throw new Refusal(400, `arguments ${problem}`);
 */
export class JsonTexts {
  readonly #shape = new JsonShape();

  /** What such a text must be, to be put after its name; undefined if it may be parsed. Invalid JSON is counted the same way. */
  problemIn(text: string): string | undefined {
    this.#shape.next();
    const exceeded = this.#shape.exceeded(Buffer.from(text));
    if (exceeded === "levels") return `must be nested at most ${MAX_JSON_LEVELS} levels deep`;
    if (exceeded === "items")
      return `must have at most ${MAX_JSON_ITEMS} items in its lists and objects, with those of the texts before it`;
    return undefined;
  }
}
