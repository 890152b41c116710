import { randomUUID } from "node:crypto";
import type { KeyPlace, KeyPlaceBook, KeyPlaces, NodeStart } from "@claudeway/ports";
import type { ClusterNode } from "./node.js";

/** The running turns of keys over all nodes. Those of a dead node count no more, so nothing has to be renewed. */
export class ClusterKeyPlaces implements KeyPlaces {
  /** Places that could not be given back. */
  #owed: readonly string[] = [];

  constructor(
    private readonly book: KeyPlaceBook,
    private readonly node: Pick<ClusterNode, "term">,
  ) {}

  async take(keyId: string, limit: number): Promise<KeyPlace | undefined> {
    if (this.#owed.length > 0) await this.#leave([]);
    const id = randomUUID();
    if (!(await this.#take(this.node.term().start, id, keyId, limit))) return undefined;
    return { leave: () => this.#leave([id]) };
  }

  async #take(by: NodeStart, id: string, keyId: string, limit: number): Promise<boolean> {
    try {
      return await this.book.take(by, id, keyId, limit);
    } catch (error) {
      // Whether it was taken may be unknown.
      this.#owed = [...this.#owed, id];
      throw error;
    }
  }

  async #leave(ids: readonly string[]): Promise<void> {
    const all = [...this.#owed, ...ids];
    this.#owed = [];
    try {
      await this.book.leave(all);
    } catch {
      this.#owed = [...this.#owed, ...all];
    }
  }
}
