import type { Singletons } from "@claudeway/ports";

interface Candidate {
  readonly node: string;
  readonly lost: AbortController;
  readonly begin: () => void;
}

/** Who leads among several gateways of one process. The first that asks leads; the others follow in their order. */
export class SharedLead {
  readonly #lines = new Map<string, Candidate[]>();

  /** The node that leads, by the name of the work. */
  leader(name: string): string | undefined {
    return this.#lines.get(name)?.[0]?.node;
  }

  /** Takes the lead of all work away from a node, as when others buried it. Its work may still run. */
  depose(node: string): void {
    for (const line of this.#lines.values()) {
      const first = line[0];
      if (first?.node !== node) continue;
      line.shift();
      first.lost.abort();
      line[0]?.begin();
    }
  }

  of(node: string): Singletons {
    return { lead: (name, work, stop) => this.#lead(node, name, work, stop) };
  }

  async #lead(
    node: string,
    name: string,
    work: (lost: AbortSignal) => Promise<void>,
    stop: AbortSignal,
  ): Promise<void> {
    const line = this.#lines.get(name) ?? [];
    this.#lines.set(name, line);
    const lost = new AbortController();
    const turn = new Promise<void>((resolve) => {
      line.push({ node, lost, begin: resolve });
      stop.addEventListener("abort", () => resolve(), { once: true });
      if (line.length === 1) resolve();
    });
    await turn;
    try {
      if (!stop.aborted) await work(lost.signal);
    } finally {
      const at = line.findIndex((one) => one.lost === lost);
      if (at !== -1) line.splice(at, 1);
      if (at === 0) line[0]?.begin();
    }
  }
}
