import { childrenOfThread, type ProcessEntry, readMarkers, readStat, startTimeOf } from "./proc.js";

/** A process that the kernel gave to another parent when its own had gone, or a child of that parent from the start. */
export interface AdoptedProcess extends ProcessEntry {
  /** What it carried when it was first seen with an environment. */
  markers: readonly string[] | undefined;
  /** When it was first seen, by `performance.now()`. */
  readonly seenAt: number;
}

/** A process that is seen without an environment is in the middle of an exec for at most this long, in ms. */
const EXEC_MS = 1000;
const OWN_START = startTimeOf(process.pid);
/** A list that still grows after so many looks is taken as it is. */
const MAX_LOOKS = 5;

/**
 * The processes whose parent is an ancestor of the gateway. A process whose parents have gone is given to the nearest of
 * those that takes orphans, in the end to pid 1: whatever was started below the gateway and is no descendant of it any
 * more is here, or below one that is here.
 *
 * Each is read once and remembered, so that a look costs two or three small files, however many processes there are.
 * The kernel appends a new child to its parent's list. So a list begins with processes that were there before, in their
 * order, without those that have gone; when the last of these is still the same process (its start time tells), so are
 * those before it, and everything behind it is new. A pid that passed to another process is behind it too.
 */
export class AdoptedProcesses {
  readonly #lists = new Map<number, readonly AdoptedProcess[]>();

  /** Looks again; false where the kernel does not tell what there is to know. */
  refresh(): boolean {
    const ancestors = ancestorsOf(process.pid);
    for (const known of this.#lists.keys()) if (!ancestors.includes(known)) this.#lists.delete(known);
    for (const parent of ancestors) if (!this.#refreshList(parent)) return false;
    return true;
  }

  /** As of the last `refresh`. */
  *[Symbol.iterator](): IterableIterator<AdoptedProcess> {
    for (const list of this.#lists.values()) yield* list;
  }

  /** Reads until nothing is new: one that was read may have been followed by its own orphan. */
  #refreshList(parent: number): boolean {
    for (let look = 0; look < MAX_LOOKS; look++) {
      // The kernel gives orphans to a process's first thread.
      const pids = childrenOfThread(parent, parent);
      if (pids === undefined) return false;
      const before = this.#lists.get(parent) ?? [];
      const known = stillThere(before, pids, startTimeOf);
      const found = pids.slice(known.length).map(readAdopted);
      this.#lists.set(parent, [...known, ...found.filter((entry) => entry !== undefined)]);
      if (found.length === 0) break;
    }
    for (const entry of this.#lists.get(parent) ?? []) {
      if (isUncertain(entry)) entry.markers = readMarkers(entry.pid);
    }
    return true;
  }
}

/** Whether it may be in the middle of an exec, so that what it carries was not seen. */
export function isUncertain({ markers, zombie, seenAt }: AdoptedProcess): boolean {
  return markers === undefined && !zombie && performance.now() - seenAt < EXEC_MS;
}

/** The known processes that `pids` begins with: the same ones, in order, up to the first that is new. */
export function stillThere<Known extends { readonly pid: number; readonly startTime: number }>(
  known: readonly Known[],
  pids: readonly number[],
  startTime: (pid: number) => number | undefined,
): Known[] {
  const same: Known[] = [];
  let next = 0;
  for (const pid of pids) {
    while (next < known.length && known[next]?.pid !== pid) next++;
    const entry = known[next++];
    if (entry === undefined) break;
    same.push(entry);
  }
  for (
    let last = same.at(-1);
    last !== undefined && startTime(last.pid) !== last.startTime;
    last = same.at(-1)
  ) {
    same.pop();
  }
  return same;
}

function readAdopted(pid: number): AdoptedProcess | undefined {
  const entry = readStat(pid);
  if (entry === undefined) return undefined;
  // What is older than the gateway was not started by it.
  const markers = entry.startTime < (OWN_START ?? 0) ? [] : readMarkers(pid);
  return { ...entry, markers, seenAt: performance.now() };
}

/** The parents of a process, up to pid 1; in a container, up to what is outside it. */
function ancestorsOf(pid: number): number[] {
  const ancestors: number[] = [];
  for (let at = readStat(pid)?.parent ?? 0; at > 1; at = readStat(at)?.parent ?? 0) ancestors.push(at);
  return [...ancestors, 1];
}
