import { promisify } from "node:util";
import { deflate, inflate } from "node:zlib";
import { isFields } from "@claudeway/chat";
import { type PluginStore, Refusal, type StoreChange, type StoreResult } from "@claudeway/core";
import { MAX_READ_BYTES, type Spend } from "./response-memory.js";
import type { Shelf } from "./response-store.js";

const pack = promisify(deflate);
const unpack = promisify(inflate);

/** Length of a piece, in characters of base64: a value of the store has up to 64 KiB. */
const PIECE = 60_000;
/** Pieces of one write, so that a write is a few megabytes. */
const PIECES_AT_ONCE = 50;
/** Most pieces of one response, compressed. */
const MAX_PIECES = 500;
/** Other gateways may take the room that one has made. */
const MAX_TRIES = 10;
const ALL = "responses/";

/** What is stored of a response beside its pieces. */
interface Head {
  readonly count: number;
  /** Of its JSON, once it is unpacked. */
  readonly bytes: number;
  readonly owner: string;
}

/** Entries in the ledger, for a cluster: a response that one gateway stored is found at every other. */
export class LedgerShelf implements Shelf {
  constructor(
    private readonly store: Pick<PluginStore, "get" | "list" | "write">,
    private readonly maxAgeMs: number,
  ) {}

  async put(number: string, owner: string, json: Buffer): Promise<void> {
    const text = (await pack(json)).toString("base64");
    const count = Math.ceil(text.length / PIECE);
    if (count > MAX_PIECES)
      throw new Refusal(413, `the response is too large to be stored: ${json.length} bytes`);
    const { maxAgeMs: ttlMs } = this;
    const changes: StoreChange[] = [];
    for (let n = 0; n < count; n++)
      changes.push({ key: pieceKey(number, n), value: text.slice(n * PIECE, (n + 1) * PIECE), ttlMs });
    // The head is written last: until then, `take` finds nothing.
    changes.push({ key: headKey(number), value: { count, bytes: json.length, owner }, ttlMs });
    try {
      for (let from = 0; from < changes.length; from += PIECES_AT_ONCE) {
        const isWhole = from === 0 || (await this.store.get(pieceKey(number, 0))) !== undefined;
        if (!isWhole || !(await this.write(changes.slice(from, from + PIECES_AT_ONCE), number)).ok)
          throw new Refusal(409, "too many responses are stored at once");
      }
    } catch (error) {
      // What is there already is of no use, and would take room until it is too old.
      await this.#delete(changes.map(({ key }) => key)).catch(() => undefined);
      throw error;
    }
  }

  async take(number: string, owner: string, spend: Spend = () => undefined): Promise<Buffer | undefined> {
    const head = await this.#head(number, owner);
    if (head === undefined) return undefined;
    spend(head.bytes);
    const pieces = await this.#pieces(number);
    // It is being deleted.
    if (pieces.length !== head.count) return undefined;
    return unpack(Buffer.from(pieces.join(""), "base64"), { maxOutputLength: MAX_READ_BYTES });
  }

  async remove(number: string, owner: string): Promise<boolean> {
    const head = await this.#head(number, owner);
    if (head === undefined) return false;
    const pieces = Array.from({ length: head.count }, (_, n) => pieceKey(number, n));
    await this.#delete([headKey(number), ...pieces]);
    return true;
  }

  /** Writes like the store itself, but where that is full, the oldest responses make room, except the one with this number. */
  async write(changes: readonly StoreChange[], number?: string): Promise<StoreResult> {
    for (let tries = 1; ; tries++) {
      const result = await this.store.write(changes);
      if (result.ok || result.reason !== "full" || tries === MAX_TRIES) return result;
      const oldest = await this.#oldestBeside(number);
      if (oldest.length === 0) return result;
      await this.#delete(oldest);
    }
  }

  /** Undefined for an unknown number, or one of another owner. */
  async #head(number: string, owner: string): Promise<Head | undefined> {
    const value = (await this.store.get(headKey(number)))?.value;
    const { count, bytes, owner: found } = isFields(value) ? value : {};
    if (typeof count !== "number" || typeof bytes !== "number" || found !== owner) return undefined;
    return { count, bytes, owner };
  }

  /** Keys of the oldest responses but this one: a long turn may have the oldest number when its response is stored. */
  async #oldestBeside(number: string | undefined): Promise<readonly string[]> {
    const first = await this.#keysAfter();
    if (number === undefined) return first;
    const others = first.filter((key) => !key.startsWith(headKey(number)));
    return others.length > 0 ? others : this.#keysAfter(pieceKey(number, MAX_PIECES));
  }

  async #keysAfter(after = ALL): Promise<readonly string[]> {
    return (await this.store.list(ALL, { after, limit: PIECES_AT_ONCE })).entries.map(({ key }) => key);
  }

  async #delete(keys: readonly string[]): Promise<void> {
    for (let from = 0; from < keys.length; from += PIECES_AT_ONCE)
      await this.store.write(keys.slice(from, from + PIECES_AT_ONCE).map((key) => ({ key, delete: true })));
  }

  async #pieces(number: string): Promise<string[]> {
    const pieces: string[] = [];
    let after: string | undefined;
    do {
      const page = await this.store.list(`${headKey(number)}/`, {
        limit: PIECES_AT_ONCE,
        ...(after !== undefined && { after }),
      });
      for (const { value } of page.entries) pieces.push(String(value));
      after = page.next;
    } while (after !== undefined);
    return pieces;
  }
}

/** The store for other entries than responses, for which the oldest responses make room too. */
export function storeBesideResponses(store: PluginStore, shelf: LedgerShelf): PluginStore {
  return {
    ...store,
    write: (changes) => shelf.write(changes),
    set: (key, value, options = {}) => shelf.write([{ ...options, key, value }]),
  };
}

function headKey(number: string): string {
  return `${ALL}${number}`;
}

/** In the order of their keys. */
function pieceKey(number: string, n: number): string {
  return `${headKey(number)}/${String(n).padStart(4, "0")}`;
}
