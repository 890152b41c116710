import { type Fields, invalid } from "@claudeway/chat";
import { Refusal } from "@claudeway/core";
import { MAX_READ_BYTES, type Spend } from "./response-memory.js";
import { answerOf, itemsOf, numberIn, type ResponseStore, type StoredResponse } from "./response-store.js";

/** How many stored responses a request may read: each is a file. */
const MAX_RESPONSES = 1000;
/** How many items of a request may refer to stored ones. */
const MAX_REFERENCES = 5000;

interface KnownResponse {
  readonly stored: StoredResponse;
  /** The items of its output by id, and the characters of each as JSON. */
  readonly items: ReadonlyMap<unknown, { readonly item: Fields; readonly chars: number }>;
}

/** The stored responses that one request reads: each once, within limits, and only while its client waits. */
export class ResponseReads {
  readonly #known = new Map<string, KnownResponse | undefined>();
  #references = 0;
  #bytes = 0;

  /**
   * @param gone aborted when the client disconnects
   * @param hold counts the bytes of the files, and of each item that is referred to, until the request is answered
   */
  constructor(
    private readonly responses: Pick<ResponseStore, "get">,
    private readonly keyId: string,
    private readonly gone: AbortSignal,
    private readonly hold: Spend,
  ) {}

  /** The item of an answer that an item of `input` refers to. */
  async item(id: string): Promise<Fields> {
    this.#references += 1;
    if (this.#references > MAX_REFERENCES)
      throw invalid("input", `must have at most ${MAX_REFERENCES} items of the type item_reference`);
    const found = (await this.#read(id, "input"))?.items.get(id);
    if (found === undefined)
      throw invalid("input", `must not refer to ${JSON.stringify(id.slice(0, 100))}: it is not stored`);
    this.#spend(found.chars, "input");
    return found.item;
  }

  /** The messages of a chat up to a response, with its answer. Throws if a response of it is not stored. */
  async chat(id: string): Promise<readonly Fields[]> {
    const param = "previous_response_id";
    const turns: Fields[][] = [];
    for (let next: string | undefined = id; next !== undefined; ) {
      const known: KnownResponse | undefined =
        turns.length < MAX_RESPONSES ? await this.#read(next, param) : undefined;
      if (known === undefined)
        throw invalid(param, "must be a stored response", "previous_response_not_found");
      turns.push([...known.stored.input, answerOf(known.stored)]);
      next = known.stored.parent;
    }
    return turns.toReversed().flat();
  }

  async #read(id: string, param: string): Promise<KnownResponse | undefined> {
    if (this.gone.aborted) throw new Refusal(400, "the client disconnected");
    const number = numberIn(id);
    if (number === undefined) return undefined;
    if (!this.#known.has(number)) {
      if (this.#known.size === MAX_RESPONSES)
        throw invalid(param, `must lead to at most ${MAX_RESPONSES} stored responses`);
      const stored = await this.responses.get(this.keyId, id, (bytes) => this.#spend(bytes, param));
      this.#known.set(number, stored && { stored, items: itemsById(stored) });
    }
    return this.#known.get(number);
  }

  #spend(bytes: number, param: string): void {
    this.#bytes += bytes;
    if (this.#bytes > MAX_READ_BYTES)
      throw invalid(param, `must lead to at most ${MAX_READ_BYTES} bytes of stored responses`);
    this.hold(bytes);
  }
}

function itemsById({ body }: StoredResponse): KnownResponse["items"] {
  return new Map(
    itemsOf(body).map((item) => [item["id"], { item, chars: JSON.stringify(item).length }] as const),
  );
}
