import { type AdoptedProcesses, isUncertain } from "./adopted.js";
import { childrenOf, type ProcessEntry, type ProcessId, readStat } from "./proc.js";
import { findMarked } from "./reaper.js";

/** What runs of a tree, and whether one more process may turn out to belong to it. */
export interface Look {
  readonly found: readonly ProcessId[];
  readonly certain: boolean;
}

/**
 * A child and all that it started, found without reading every process of the machine: its descendants; those that
 * carry its marker and have no parent any more; processes that were known to belong to it; and all members of their
 * sessions, since a session can't be joined from outside and the child is started in its own. (A process with its own
 * environment and session that lost its parent before the first look is not found.)
 */
export class ProcessTree {
  #known: readonly ProcessId[];
  readonly #sessions = new Set<number>();

  constructor(
    child: ProcessId,
    private readonly marker: string,
    private readonly adopted: AdoptedProcesses,
  ) {
    this.#known = [child];
  }

  look(): Look {
    if (!this.adopted.refresh()) {
      this.#known = findMarked(this.marker, this.#known);
      return { found: this.#known, certain: false };
    }
    const ours = new Map<number, ProcessEntry>();
    for (const { pid, startTime } of this.#known) this.#add(ours, pid, startTime);
    let certain = true;
    let before: number;
    do {
      before = ours.size;
      for (const entry of this.adopted) {
        if (ours.has(entry.pid)) continue;
        const isOurs = this.#sessions.has(entry.session) || entry.markers?.includes(this.marker);
        if (isOurs) this.#add(ours, entry.pid, entry.startTime);
        else if (isUncertain(entry)) certain = false;
      }
    } while (ours.size > before);
    this.#known = [...ours.values()].filter(({ zombie }) => !zombie);
    return { found: this.#known, certain };
  }

  /** A process with its descendants; not one that has passed its pid to another. */
  #add(ours: Map<number, ProcessEntry>, pid: number, startTime?: number): void {
    const entry = ours.has(pid) ? undefined : readStat(pid);
    if (entry === undefined || pid === process.pid) return;
    if (startTime !== undefined && entry.startTime !== startTime) return;
    ours.set(pid, entry);
    if (entry.session !== 0) this.#sessions.add(entry.session);
    for (const child of childrenOf(pid)) this.#add(ours, child);
  }
}
