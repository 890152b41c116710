import { messageOf, type NodeBook, type Singletons } from "@claudeway/ports";
import type { Logger } from "pino";
import { type Clock, sleep } from "./clock.js";
import type { ClusterNode } from "./node.js";
import type { Term } from "./term.js";
import type { Timing } from "./timing.js";

export interface ClusterSingletonsOptions {
  readonly book: Pick<NodeBook, "lead" | "unlead">;
  readonly node: Pick<ClusterNode, "term" | "condition">;
  readonly timing: Pick<Timing, "beat">;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * A lead belongs to a term: nothing renews it, the beat does. So a node that leads asks the database nothing, and the others
 * ask once a beat.
 */
export class ClusterSingletons implements Singletons {
  constructor(private readonly options: ClusterSingletonsOptions) {}

  async lead(name: string, work: (lost: AbortSignal) => Promise<void>, stop: AbortSignal): Promise<void> {
    const { clock, timing } = this.options;
    while (!stop.aborted) {
      const term = this.#term();
      if (term !== undefined && (await this.#take(name, term))) {
        if (await this.#work(name, term, work, stop)) return;
      } else await sleep(clock, timing.beat, stop).catch(() => undefined);
    }
  }

  /** Resolves to whether the work ended by itself, or because it was stopped. */
  async #work(
    name: string,
    term: Term,
    work: (lost: AbortSignal) => Promise<void>,
    stop: AbortSignal,
  ): Promise<boolean> {
    try {
      await work(AbortSignal.any([term.fenced, stop]));
      return term.lasts || stop.aborted;
    } finally {
      const { book, log } = this.options;
      if (term.lasts)
        await book
          .unlead(term.start, name)
          .catch((error: unknown) => log.warn(`${name}: the lead was not given up: ${messageOf(error)}`));
    }
  }

  /** Whether this node has the lead, and still works. */
  async #take(name: string, term: Term): Promise<boolean> {
    try {
      return (await this.options.book.lead(term.start, name)) && term.lasts;
    } catch (error) {
      this.options.log.debug({ err: error, name }, "the lead was not asked for");
      return false;
    }
  }

  #term(): Term | undefined {
    const { node } = this.options;
    try {
      return node.condition === "up" ? node.term() : undefined;
    } catch {
      // The term ended between the two looks.
      return undefined;
    }
  }
}
