import type { LocalWork, NodeRecord } from "@claudeway/ports";

/** A node's turns at its last beat, and the tasks that went to it since. */
interface Sent {
  readonly beat: number;
  tasks: number;
}

/** Finds a node for a one-shot task that would have to wait here. */
export class EmptierNode {
  readonly #sent = new Map<string, Sent>();

  constructor(private readonly random: () => number = Math.random) {}

  /** Draws two of the nodes and takes the one with fewer turns; undefined if it has no fewer than this one. */
  find(nodes: readonly NodeRecord[], own: ReturnType<LocalWork["load"]>): NodeRecord | undefined {
    if (own.running < own.maxRunning) return undefined;
    const others = [...nodes];
    const drawn = [this.#draw(others), this.#draw(others)].filter((node) => node !== undefined);
    const [best] = drawn.toSorted((one, other) => this.#turnsOf(one) - this.#turnsOf(other));
    return best === undefined || this.#turnsOf(best) >= own.running + own.queued ? undefined : best;
  }

  /** Notes a task that went to the node. */
  sent({ node, beat }: NodeRecord): void {
    const known = this.#sent.get(node);
    if (known?.beat === beat) known.tasks++;
    else this.#sent.set(node, { beat, tasks: 1 });
  }

  /** Keeps nothing of nodes that are gone. */
  keep(nodes: readonly NodeRecord[]): void {
    for (const name of this.#sent.keys())
      if (!nodes.some(({ node }) => node === name)) this.#sent.delete(name);
  }

  #turnsOf({ node, beat, running, queued }: NodeRecord): number {
    const sent = this.#sent.get(node);
    return running + queued + (sent?.beat === beat ? sent.tasks : 0);
  }

  #draw(nodes: NodeRecord[]): NodeRecord | undefined {
    const [drawn] = nodes.splice(Math.floor(this.random() * nodes.length), 1);
    return drawn;
  }
}
