import { retryLater } from "@claudeway/ports";

/** Files of one key that are sent or received at once, and of all keys. Each holds a file open, and a connection. */
const MAX_PER_KEY = 16;
const MAX_TOGETHER = 128;

/** How many files are being transferred. */
export class TransferSlots {
  readonly #held = new Map<string, number>();
  #together = 0;

  /** Throws UNAVAILABLE while too many are transferred. The returned function gives the place back. */
  take(keyId: string): () => void {
    const own = this.#held.get(keyId) ?? 0;
    if (own >= MAX_PER_KEY || this.#together >= MAX_TOGETHER) {
      throw retryLater("too many files are being transferred at once; try again", 1);
    }
    this.#held.set(keyId, own + 1);
    this.#together++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#together--;
      const left = (this.#held.get(keyId) ?? 1) - 1;
      if (left === 0) this.#held.delete(keyId);
      else this.#held.set(keyId, left);
    };
  }
}
