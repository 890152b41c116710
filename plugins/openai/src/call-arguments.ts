import { type Fields, invalid, isFields, textAt } from "@claudeway/chat";
import { JsonTexts } from "@claudeway/core";

/** What may be an object; nothing else is parsed. */
const OBJECT = /^[\t\n\r ]*\{/;

/** Reads the arguments of a request's calls: JSON in texts. */
export class CallArguments {
  readonly #texts = new JsonTexts();

  /** What is not an object, as the model of another API may have written it, is one with that text. */
  read(given: unknown, param: string): Fields {
    const text = textAt(given, param);
    if (text === "") return {};
    if (!OBJECT.test(text)) return { arguments: text };
    const problem = this.#texts.problemIn(text);
    if (problem !== undefined) throw invalid(param, problem);
    try {
      const input: unknown = JSON.parse(text);
      return isFields(input) ? input : { arguments: text };
    } catch {
      return { arguments: text };
    }
  }
}
