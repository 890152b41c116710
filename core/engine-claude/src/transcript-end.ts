import type { FileHandle } from "node:fs/promises";
import { chainIdOf, entryOf, parentIdOf, type TranscriptEntry } from "./transcript-entries.js";
import { linesFromEnd } from "./transcript-lines.js";

/*
 * In a sandbox a transcript can be written by tools, so the work on one is bounded: beyond these limits its end is unknown.
 */

/** How much is read, from the end, in bytes: twice what the model API accepts at once. */
const MAX_BYTES = 64 * 1024 * 1024;
/** How many lines are looked at, from the end. */
const MAX_LINES = 10_000;
/** How much is parsed, in values of JSON, at most: what a line may hold is counted before. The model writes fewer at once. */
const MAX_VALUES = 200_000;
/** How many calls, and how many results, the last message may have. */
const MAX_CALLS = 1000;

/** How the content of a placed prompt begins, and of no other. */
const PLACED = '"content":[{"type":"text","text":""},{"type":"tool_result"';
const RESULT = '"tool_use_id":"';
const [COMMA, BRACKET, BRACE] = Buffer.from(",[{");

export interface TranscriptEnd {
  /** The last entry of the conversation. */
  readonly last: string | null;
  /** The calls of the model's last message that have no result. */
  readonly waiting: readonly string[];
}

/**
 * Reads the end of a conversation; undefined if it is beyond the limits.
 *
 * @param placesAgain a placed prompt that no model answered, as a failed start leaves it, is passed over: the next replaces it
 */
export async function endOf(file: FileHandle, placesAgain: boolean): Promise<TranscriptEnd | undefined> {
  const end = new EndReading(placesAgain);
  for await (const line of linesFromEnd(file, MAX_BYTES)) {
    if (line === undefined) return undefined;
    const found = end.add(line);
    if (found === "beyond limits") return undefined;
    if (found === "whole") break;
  }
  return end.found();
}

/** Reads lines, the last one first, up to the beginning of the model's last message. */
class EndReading {
  readonly #settled = new Set<string>();
  /** The last one first. */
  readonly #calls: string[] = [];
  #last: string | null | undefined;
  #message: { readonly id: string | undefined } | undefined;
  #lines = 0;
  #values = 0;

  constructor(private passesOver: boolean) {}

  add(line: Buffer): "more" | "whole" | "beyond limits" {
    const isModels = line.includes('"type":"assistant"');
    const isPlaced = this.passesOver && !isModels && line.includes(PLACED);
    const mayBeLast = this.#last === undefined && line.includes('"parentUuid":');
    this.#lines++;
    if (isModels || isPlaced || mayBeLast) this.#values += valuesIn(line);
    if (this.#lines > MAX_LINES || this.#values > MAX_VALUES) return "beyond limits";
    if (isPlaced) {
      this.#last = parentIdOf(line);
      return "more";
    }
    if (mayBeLast) this.#last = chainIdOf(line);
    const entry = isModels ? entryOf(line) : undefined;
    if (entry?.type === "assistant") {
      if (this.#message !== undefined && this.#message.id !== entry.messageId) return "whole";
      this.#message = { id: entry.messageId };
      this.passesOver = false;
      for (const id of callsIn(entry).reverse()) this.#calls.push(id);
    } else if (line.includes('"type":"user"')) {
      this.passesOver &&= line.includes('"isMeta":true');
      for (const id of resultsIn(line)) this.#settled.add(id);
    }
    return Math.max(this.#calls.length, this.#settled.size) > MAX_CALLS ? "beyond limits" : "more";
  }

  found(): TranscriptEnd {
    return {
      last: this.#last ?? null,
      waiting: this.#calls.toReversed().filter((id) => !this.#settled.has(id)),
    };
  }
}

function callsIn({ content }: TranscriptEntry): string[] {
  const blocks = typeof content === "string" ? [] : content;
  return blocks.flatMap(({ type, id }) => (type === "tool_use" ? [String(id)] : []));
}

/** The calls that a line has results of, without parsing it: inside of a text, quotes are escaped. */
function resultsIn(line: Buffer): readonly string[] {
  const ids: string[] = [];
  for (let at = line.indexOf(RESULT); at !== -1 && ids.length <= MAX_CALLS; at = line.indexOf(RESULT, at)) {
    at += RESULT.length;
    ids.push(line.toString("utf8", at, line.indexOf('"', at)));
  }
  return ids;
}

/** As many values as a line can hold, or more: each but the first follows one of these characters. */
function valuesIn(line: Buffer): number {
  let count = 0;
  for (const byte of line) if (byte === COMMA || byte === BRACKET || byte === BRACE) count++;
  return count;
}
