import type { NodeRecord, SeenBeat } from "@claudeway/ports";
import type { Timing } from "./timing.js";

/** One look at the nodes, with the times before and after it by the watcher's own clock, in ms. */
export interface Look {
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly nodes: readonly NodeRecord[];
}

interface Sighting extends SeenBeat {
  /** When this value was first known. */
  readonly since: number;
}

/** Whether other nodes regard the node as alive. */
export function lives({ state }: Pick<NodeRecord, "state">): boolean {
  return state === "up" || state === "draining";
}

/**
 * Finds nodes whose counter has not moved for a lease, by the watcher's own clock. Looks must follow each other without a
 * gap: a watcher that could not look knows nothing of that time and starts counting anew. Otherwise a database that was away
 * for longer than the lease would have one healthy node bury the other.
 */
export class Watch {
  readonly #sightings = new Map<string, Sighting>();
  #lastSentAt: number | undefined;

  constructor(private readonly timing: Pick<Timing, "lease" | "gap">) {}

  /** A look failed. */
  blind(): void {
    this.#sightings.clear();
    this.#lastSentAt = undefined;
  }

  /** Returns the nodes that have been silent for the lease. */
  looked({ sentAt, answeredAt, nodes }: Look): SeenBeat[] {
    const late = answeredAt - sentAt > this.timing.gap;
    if (late || (this.#lastSentAt !== undefined && sentAt - this.#lastSentAt > this.timing.gap)) this.blind();
    this.#lastSentAt = sentAt;
    const living = nodes.filter(lives);
    const names = new Set(living.map(({ node }) => node));
    for (const name of this.#sightings.keys()) if (!names.has(name)) this.#sightings.delete(name);
    return living.flatMap(({ node, incarnation, beat }) => {
      const seen = this.#sightings.get(node);
      if (seen === undefined || seen.incarnation !== incarnation || seen.beat !== beat) {
        this.#sightings.set(node, { node, incarnation, beat, since: answeredAt });
        return [];
      }
      return sentAt - seen.since >= this.timing.lease ? [{ node, incarnation, beat }] : [];
    });
  }
}
