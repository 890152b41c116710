import type { ServerResponse } from "node:http";
import { getHeapStatistics } from "node:v8";
import { ChatFailure } from "@claudeway/chat";
import { Refusal } from "@claudeway/core";

/** Bytes of stored responses that a request may read: as much as the model API accepts in a request. */
export const MAX_READ_BYTES = 32 * 1024 * 1024;
/** Of the heap, for the stored responses of all requests. */
const SHARE_OF_HEAP = 0.2;

/** Called with the bytes of a stored response before it is read, or parsed. Throws if that is too much. */
export type Spend = (bytes: number) => void;

/**
 * How many bytes of stored responses requests hold, from reading them until they are answered: of one key half of what all keys
 * together may. Small requests can lead to large responses, so that many at once could fill the memory and end the gateway.
 */
export class ResponseMemory {
  readonly #keys = new Map<string, number>();
  #all = 0;

  constructor(
    private readonly bytes = Math.max(
      2 * MAX_READ_BYTES,
      SHARE_OF_HEAP * getHeapStatistics().heap_size_limit,
    ),
  ) {}

  /** Answers a request of a key. What it spends is given back once that has ended and its response has closed. */
  async during(
    keyId: string,
    res: Pick<ServerResponse, "closed" | "once">,
    answer: (spend: Spend) => Promise<void>,
  ): Promise<void> {
    let held = 0;
    const closed = new Promise<void>((resolve) => {
      res.once("close", resolve);
    });
    const spend = (bytes: number) => {
      if (res.closed) throw new Refusal(400, "the client disconnected");
      const own = this.#keys.get(keyId) ?? 0;
      if (own + bytes > this.bytes / 2 || this.#all + bytes > this.bytes)
        throw new ChatFailure(
          503,
          "UNAVAILABLE",
          "too many stored responses are being read at once; try again",
          5,
        );
      held += bytes;
      this.#add(keyId, bytes);
    };
    try {
      await answer(spend);
    } finally {
      // Nothing is spent if it has closed already: then there is no event.
      void closed.then(() => this.#add(keyId, -held));
    }
  }

  #add(keyId: string, bytes: number): void {
    this.#all += bytes;
    const own = (this.#keys.get(keyId) ?? 0) + bytes;
    if (own === 0) this.#keys.delete(keyId);
    else this.#keys.set(keyId, own);
  }
}
