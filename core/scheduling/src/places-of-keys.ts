import type { KeyPlace, KeyPlaces } from "@claudeway/ports";

/** How long after a refusal a key's place is asked for again, in ms; others must get a chance, so it varies by as much. */
const RETRY_MS = 250;

/** The places that keys with a limit of their own have over all nodes, as the queue of one node asks for them. */
export class PlacesOfKeys {
  /** Keys of which as many turns run as may. */
  readonly #full = new Map<string, NodeJS.Timeout>();
  /** Keys of which a turn asks for a place: one at a time, so that they get them in their order. */
  readonly #asking = new Set<string>();

  constructor(
    private readonly places: KeyPlaces,
    /** Called when a key that was full may have a place. */
    private readonly mayHaveRoom: () => void,
  ) {}

  /** Whether a turn of the key must wait. */
  isFull(keyId: string): boolean {
    return this.#full.has(keyId) || this.#asking.has(keyId);
  }

  /**
   * A place for a turn of the key, or undefined, and it is full for a while. Rejects like the ledger, but not for a turn
   * that had a place before (`again`): that one waits until the ledger answers.
   */
  async take(keyId: string, limit: number, again: boolean): Promise<KeyPlace | undefined> {
    this.#asking.add(keyId);
    try {
      const place = await this.places.take(keyId, limit).catch((error: unknown) => {
        if (!again) throw error;
        return undefined;
      });
      if (place === undefined) this.#close(keyId);
      return place;
    } finally {
      this.#asking.delete(keyId);
    }
  }

  #close(keyId: string): void {
    const retry = setTimeout(() => this.#reopen(keyId), RETRY_MS * (1 + Math.random()));
    this.#full.set(keyId, retry.unref());
  }

  /** Gives a place back, and lets the next turn of the key ask at once. */
  async leave(keyId: string, place: KeyPlace): Promise<void> {
    await place.leave();
    this.#reopen(keyId);
  }

  #reopen(keyId: string): void {
    clearTimeout(this.#full.get(keyId));
    if (this.#full.delete(keyId)) this.mayHaveRoom();
  }
}
