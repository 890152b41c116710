import {
  type Claim,
  FencedError,
  type NodeBook,
  type NodeStart,
  type Ownership,
  type Place,
} from "@claudeway/ports";

/** The sessions of one start of a node. Like a node that hears of nothing, it keeps to its claims after it was buried. */
export class BookOwnership implements Ownership {
  readonly fenced: AbortSignal = new AbortController().signal;
  readonly #held = new Map<string, Claim>();

  private constructor(
    private readonly book: NodeBook,
    readonly start: NodeStart,
  ) {}

  static async join(book: NodeBook, node: string): Promise<BookOwnership> {
    const url = `http://${node}`;
    const { incarnation } = await book.join({ node, url, configDigest: "", version: "0.0.0" });
    return new BookOwnership(book, { node, incarnation });
  }

  get owner() {
    return { owner: this.start };
  }

  async claim(sessionId: string): Promise<Place> {
    const claim = this.held(sessionId);
    if (claim !== undefined) return { at: "here", claim };
    const outcome = await this.book.claim(this.start, sessionId);
    if (outcome === "fenced") throw new FencedError(sessionId);
    if (typeof outcome === "string") return { at: "here", claim: this.created(sessionId) };
    if ("epoch" in outcome) return { at: "here", claim: this.#hold(sessionId, outcome.epoch) };
    return "owner" in outcome
      ? { at: "elsewhere", node: outcome.owner }
      : { at: "away", node: outcome.pinnedTo };
  }

  held(sessionId: string): Claim | undefined {
    return this.#held.get(sessionId);
  }

  created(sessionId: string): Claim {
    return this.held(sessionId) ?? this.#hold(sessionId, 0);
  }

  async find(sessionId: string): Promise<Place | undefined> {
    const node = await this.book.owner(sessionId);
    return node && { at: "elsewhere", node };
  }

  async release({ sessionId, epoch }: Claim): Promise<void> {
    this.#held.delete(sessionId);
    await this.book.release(this.start, sessionId, epoch);
  }

  #hold(sessionId: string, epoch: number): Claim {
    const claim = { sessionId, epoch, lost: this.fenced };
    this.#held.set(sessionId, claim);
    return claim;
  }
}
