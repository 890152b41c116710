import { getHeapStatistics } from "node:v8";
import { type GatewayError, retryLater } from "@claudeway/ports";
import { ByteBudget } from "./byte-budget.js";

const SHARE_OF_HEAP = 0.4;

/**
 * How much memory requests may hold until they are answered, and answers until they are read, in bytes: of one key half of what
 * all keys together may. Without it, the prompts of one key, which wait for a place, could fill the memory and end the gateway.
 */
export class MemoryBudget {
  readonly #all: ByteBudget;
  readonly #keys = new Map<string, { readonly budget: ByteBudget; holders: number }>();

  constructor(private readonly bytes = SHARE_OF_HEAP * getHeapStatistics().heap_size_limit) {
    this.#all = new ByteBudget(bytes);
  }

  /** Reserves bytes for a key. Throws UNAVAILABLE if that many are not free. The returned function gives them back. */
  hold(keyId: string, bytes: number): () => void {
    const of = this.#keys.get(keyId) ?? { budget: new ByteBudget(this.bytes / 2), holders: 0 };
    if (!of.budget.take(bytes)) throw tooMany();
    if (!this.#all.take(bytes)) {
      of.budget.give(bytes);
      throw tooMany();
    }
    this.#keys.set(keyId, of);
    of.holders++;
    return () => {
      of.budget.give(bytes);
      this.#all.give(bytes);
      if (--of.holders === 0) this.#keys.delete(keyId);
    };
  }
}

function tooMany(): GatewayError {
  return retryLater("too many large requests or answers wait; try again", 5);
}
