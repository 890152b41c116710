import { type ProcessEntry, pidsIn, readChildren, readMarkers, readStat, startTimeOf } from "./proc.js";

/** A process that the kernel gave to another parent when its own had gone, or a child of that parent from the start. */
export interface AdoptedProcess extends ProcessEntry {
  /** The marker in its environment when that was first readable. */
  markers: readonly string[] | undefined;
  /** When it was first seen, by `performance.now()`. */
  readonly seenAt: number;
}

/** A process that is seen without an environment is in the middle of an exec for at most this long, in ms. */
const EXEC_MS = 1000;
const OWN_START = startTimeOf(process.pid);
/** After this many reads, a list that still grows is used unchanged. */
const MAX_LOOKS = 5;

/**
 * The processes whose parent is an ancestor of the gateway. The kernel re-parents orphans to the nearest subreaper, in the
 * end pid 1, so a process that was started below the gateway but is no longer its descendant is one of these, or below one.
 *
 * Lists are read incrementally, so that a refresh reads two or three small files, however many processes there are. The
 * kernel appends a new child to its parent's list, so a list begins with the known processes in their order, without ended
 * ones. If the last known one is still the same process (by its start time), so are those before it, and everything after it
 * is new, including reused pids.
 */
export class AdoptedProcesses {
  readonly #lists = new Map<number, List>();
  #ancestors: Ancestors = { parent: 0, pids: [] };

  /** Looks again. False if the kernel does not provide the information. */
  refresh(): boolean {
    // An ancestor that ended in between has no list any more. Those above it, which now adopt orphans, are already
    // known.
    return this.#refreshAll(false) || this.#refreshAll(true);
  }

  #refreshAll(anew: boolean): boolean {
    if (anew || this.#ancestors.parent !== process.ppid) this.#findAncestors();
    return this.#ancestors.pids.every((parent) => this.#refreshList(parent));
  }

  #findAncestors(): void {
    const pids = ancestorsOf(process.pid);
    this.#ancestors = { parent: process.ppid, pids };
    for (const known of this.#lists.keys()) if (!pids.includes(known)) this.#lists.delete(known);
  }

  /** Those that may have been started by the gateway, as of the last `refresh`. */
  *[Symbol.iterator](): IterableIterator<AdoptedProcess> {
    for (const { young } of this.#lists.values()) yield* young;
  }

  /** Reads until nothing is new: one that was read may have been followed by its own orphan. */
  #refreshList(parent: number): boolean {
    let list = this.#lists.get(parent) ?? NO_LIST;
    for (let look = 0; look < MAX_LOOKS; look++) {
      // The kernel gives orphans to a process's first thread.
      const text = readChildren(parent, parent);
      if (text === undefined) return false;
      const last = list.all.at(-1);
      if (text === list.text && (last === undefined || startTimeOf(last.pid) === last.startTime)) break;
      const pids = pidsIn(text);
      const known = stillThere(list.all, pids, startTimeOf);
      const found = pids.slice(known.length).map(readAdopted);
      const all = [...known, ...found.filter((entry) => entry !== undefined)];
      list = { text, all, young: all.filter(isYoung) };
      if (found.length === 0) break;
    }
    this.#lists.set(parent, list);
    for (const entry of list.young) if (isUncertain(entry)) entry.markers = readMarkers(entry.pid);
    return true;
  }
}

interface Ancestors {
  /** The gateway's parent when they were found. */
  readonly parent: number;
  readonly pids: readonly number[];
}

/** The children of one process. */
interface List {
  /** As the kernel reported it. */
  readonly text: string;
  readonly all: readonly AdoptedProcess[];
  readonly young: readonly AdoptedProcess[];
}

const NO_LIST: List = { text: "", all: [], young: [] };

/** What is older than the gateway was not started by it. */
function isYoung({ startTime }: AdoptedProcess): boolean {
  return startTime >= (OWN_START ?? 0);
}

/** Whether it may be in the middle of an exec, when its environment is not readable. */
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
  const adopted = { ...entry, markers: undefined, seenAt: performance.now() };
  return isYoung(adopted) ? { ...adopted, markers: readMarkers(pid) } : adopted;
}

/** The parents of a process, up to pid 1; in a container, up to what is outside it. */
function ancestorsOf(pid: number): number[] {
  const ancestors: number[] = [];
  for (let at = readStat(pid)?.parent ?? 0; at > 1; at = readStat(at)?.parent ?? 0) ancestors.push(at);
  return [...ancestors, 1];
}
