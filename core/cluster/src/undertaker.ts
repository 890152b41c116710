import { messageOf, type NodeBook, type NodeStart, type Ownership, type TurnRecord } from "@claudeway/ports";
import type { Logger } from "pino";
import { type Clock, sleep } from "./clock.js";
import type { Term } from "./term.js";
import type { Timing } from "./timing.js";

export interface UndertakerOptions {
  readonly book: Pick<NodeBook, "lostTurns" | "resumable">;
  /** The open turns of this incarnation that are not parked. */
  readonly ownTurns: (of: NodeStart) => Promise<readonly TurnRecord[]>;
  readonly ownership: Pick<Ownership, "claim">;
  readonly timing: Pick<Timing, "undertake">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the gateway does with turns that are found. */
export interface FoundTurns {
  isRunning(turnId: string): boolean;
  recordLost(turns: readonly TurnRecord[]): Promise<void>;
  /** Resumes a parked turn whose session is this node's. */
  goOn(turnId: string): Promise<void>;
  /** Whether parked turns may go on here: not while the gateway drains. */
  resumes(): boolean;
}

/**
 * Finds by their state the turns that no process works on: those of nodes that no longer live, this node's own that it does
 * not run, and parked ones that may go on. Any number of nodes may look, because the first end of a turn stands; one that
 * dies between a burial and the booking leaves nothing behind.
 */
export class Undertaker {
  /** Own turns that were open but not run at the last look: they may have ended meanwhile. */
  #suspects: ReadonlySet<string> = new Set();

  constructor(
    private readonly options: UndertakerOptions,
    private readonly found: FoundTurns,
  ) {}

  /** Looks until the term ends. */
  async run(term: Term): Promise<void> {
    const { clock, timing, log } = this.options;
    let problem: string | undefined;
    while (term.lasts) {
      try {
        await this.look(term);
        problem = undefined;
      } catch (error) {
        const now = messageOf(error);
        if (now !== problem && term.lasts) log.warn(`could not look for lost turns: ${now}`);
        problem = now;
      }
      await sleep(clock, timing.undertake, term.fenced).catch(() => undefined);
    }
  }

  async look(term: Term): Promise<void> {
    const { book } = this.options;
    const lost = await book.lostTurns();
    if (lost.length > 0 && term.lasts) await this.found.recordLost(lost);
    if (term.lasts) await this.#bookUnrun(term);
    if (term.lasts && this.found.resumes()) await this.#resume(term);
  }

  async #bookUnrun({ start }: Term): Promise<void> {
    const open = await this.options.ownTurns(start);
    const unrun = open.filter(({ id }) => !this.found.isRunning(id));
    const certain = unrun.filter(({ id }) => this.#suspects.has(id));
    this.#suspects = new Set(unrun.map(({ id }) => id));
    if (certain.length > 0) await this.found.recordLost(certain);
  }

  async #resume(term: Term): Promise<void> {
    for (const { id, sessionId } of await this.options.book.resumable(term.start)) {
      if (!term.lasts) return;
      if (this.found.isRunning(id)) continue;
      const place = await this.options.ownership.claim(sessionId);
      if (place.at === "here") await this.found.goOn(id);
    }
  }
}
