import { randomBytes } from "node:crypto";
import { type Fields, isFields } from "@claudeway/chat";
import { Refusal } from "@claudeway/core";
import { MAX_READ_BYTES, type Spend } from "./response-memory.js";

/** A response that was asked to be stored. */
export interface StoredResponse {
  readonly keyId: string;
  /** The id of the response before it. */
  readonly parent: string | undefined;
  /** The messages of its request, in the form of a chat completion's, without instructions. */
  readonly input: readonly Fields[];
  /** The answer's text. */
  readonly output: string;
  /** As the client got it. */
  readonly body: Fields;
}

const NUMBER = /^([0-9a-f]{32})(?:_\d{1,3})?$/;

/** Numbers sort by their time: 12 digits of it in ms, and 20 at random, all hexadecimal. */
export function newNumber(): string {
  return Date.now().toString(16).padStart(12, "0") + randomBytes(10).toString("hex");
}

/** The number in the id of a response, or of an item of its output. */
export function numberIn(id: string): string | undefined {
  return NUMBER.exec(id.slice(id.indexOf("_") + 1))?.[1];
}

/** The items of a response's output. */
export function itemsOf({ output }: Fields): readonly Fields[] {
  return Array.isArray(output) ? output.filter(isFields) : [];
}

/** A response as a message of a chat completion. */
export function answerOf({ output, body }: StoredResponse): Fields {
  const calls = itemsOf(body).filter(({ type }) => type === "function_call");
  if (calls.length === 0) return { role: "assistant", content: output };
  const tool_calls = calls.map(({ call_id: id, ...of }) => ({ id, function: of }));
  const isSaid = itemsOf(body).some(({ type }) => type === "message");
  return { role: "assistant", content: isSaid ? output : null, tool_calls };
}

/**
 * Where responses are kept, each as JSON that begins with its owner, by their numbers. Those of other owners are as unknown, and
 * are neither counted nor read.
 */
export interface Shelf {
  put(number: string, owner: string, json: Buffer): Promise<void>;
  /** Undefined for an unknown number. */
  take(number: string, owner: string, spend?: Spend): Promise<Buffer | undefined>;
  /** False for an unknown number. */
  remove(number: string, owner: string): Promise<boolean>;
}

/** Stored responses. */
export class ResponseStore {
  constructor(private readonly shelf: Shelf) {}

  /** Throws if it has more bytes than a request may read. */
  async save(number: string, { keyId, ...rest }: StoredResponse): Promise<void> {
    const json = Buffer.from(JSON.stringify({ keyId, ...rest }));
    if (json.length > MAX_READ_BYTES)
      throw new Refusal(413, `a stored response may have ${MAX_READ_BYTES} bytes, got ${json.length}`);
    await this.shelf.put(number, ownerOf(keyId), json);
  }

  /** Undefined for an unknown id, or one of another key. */
  async get(keyId: string, id: string, spend?: Spend): Promise<StoredResponse | undefined> {
    const number = numberIn(id);
    const json = number === undefined ? undefined : await this.shelf.take(number, ownerOf(keyId), spend);
    return json && storedIn(JSON.parse(json.toString()));
  }

  /** False for an unknown id, or one of another key. */
  async delete(keyId: string, id: string): Promise<boolean> {
    const number = numberIn(id);
    return number !== undefined && (await this.shelf.remove(number, ownerOf(keyId)));
  }
}

/** How the JSON of a key's responses begins. */
function ownerOf(keyId: string): string {
  return `{"keyId":${JSON.stringify(keyId)},`;
}

function storedIn(value: unknown): StoredResponse | undefined {
  const { keyId, parent, input, output, body } = isFields(value) ? value : {};
  if (typeof keyId !== "string" || typeof output !== "string" || !isFields(body)) return undefined;
  return {
    keyId,
    parent: typeof parent === "string" ? parent : undefined,
    input: Array.isArray(input) ? input.filter(isFields) : [],
    output,
    body,
  };
}
