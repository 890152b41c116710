import { setTimeout as sleep } from "node:timers/promises";
import { type ProcessEntry, type ProcessId, readMarkers, readProcessTable, startTimeOf } from "./proc.js";

/** How long processes are given after TERM, in ms. */
const TERM_GRACE_MS = 1000;
const POLL_MS = 25;
/** A process is seen without its environment for the moment of its exec: only so many empty looks in a row count. */
const EMPTY_LOOKS = 2;
const MAX_KILLS = 40;

/**
 * Every live process that carries a marker which starts with `prefix`, or was known before, with all descendants of
 * these and all members of their sessions, so that processes with an environment of their own are found too. (A process
 * with its own environment and session that lost its parent before the first look is not found.) Reads every process of
 * the machine; for a single child, `ProcessTree` finds the same without that. Linux only: elsewhere the list is empty.
 */
export function findMarked(prefix: string, known: readonly ProcessId[] = []): ProcessId[] {
  const entries = readProcessTable();
  const startTimes = new Map(known.map(({ pid, startTime }) => [pid, startTime]));
  const ours = new Set<number>();
  for (const { pid, startTime, zombie } of entries) {
    if (startTimes.get(pid) === startTime || (!zombie && carriesMarker(pid, prefix))) ours.add(pid);
  }
  addRelated(ours, entries);
  return entries
    .filter(({ pid, zombie }) => ours.has(pid) && !zombie && pid !== process.pid)
    .map(({ pid, startTime }) => ({ pid, startTime }));
}

/** Ends every process that `findMarked` finds, as `endAll` does. */
export async function endMarked(prefix: string, graceMs = TERM_GRACE_MS): Promise<number> {
  let known: readonly ProcessId[] = [];
  const look = () => {
    known = findMarked(prefix, known);
    return { found: known, certain: false };
  };
  return endAll(look, graceMs);
}

/**
 * Ends every process that `look` finds: TERM, a grace, KILL. Returns how many there were at first. Where the first look
 * finds nothing and is certain of it, nothing more is done.
 *
 * @param graceMs how long they may take to end after TERM; 0 kills them at once
 */
export async function endAll(
  look: () => { readonly found: readonly ProcessId[]; readonly certain: boolean },
  graceMs = TERM_GRACE_MS,
): Promise<number> {
  const { found, certain } = look();
  if (found.length === 0 && certain) return 0;
  let left = found;
  if (graceMs > 0) {
    signalAll(left, "SIGTERM");
    const deadline = Date.now() + graceMs;
    while (left.length > 0 && Date.now() < deadline) {
      await sleep(POLL_MS);
      left = look().found;
    }
  }
  // A process may fork between the look and the signal: look again until there is nothing.
  let empty = left.length === 0 ? 1 : 0;
  for (let round = 0; empty < EMPTY_LOOKS && round < MAX_KILLS; round++) {
    signalAll(left, "SIGKILL");
    await sleep(POLL_MS);
    left = look().found;
    empty = left.length === 0 ? empty + 1 : 0;
  }
  return found.length;
}

function signalAll(targets: readonly ProcessId[], name: NodeJS.Signals): void {
  for (const target of targets) signal(target, name);
}

/** Signals a process unless its pid has passed to another one. */
function signal(target: ProcessId, name: NodeJS.Signals): void {
  if (startTimeOf(target.pid) !== target.startTime) return;
  try {
    process.kill(target.pid, name);
  } catch {
    // It ended by itself between the look and the signal: that is what was wanted.
  }
}

/**
 * Adds descendants and members of the same sessions. The session of a marked process was created by one of our
 * children, since each is started in its own, and a session can't be joined from outside.
 */
function addRelated(pids: Set<number>, entries: readonly ProcessEntry[]): void {
  const own = entries.find(({ pid }) => pid === process.pid)?.session;
  const sessions = new Set<number>();
  let before: number;
  do {
    before = pids.size;
    for (const { pid, session } of entries) {
      if (pids.has(pid) && session !== own && session !== 0) sessions.add(session);
    }
    for (const { pid, parent, session } of entries) {
      if (pids.has(parent) || sessions.has(session)) pids.add(pid);
    }
  } while (pids.size > before);
}

/** A gateway that runs inside a tool call of another one appends its marker: either finds what is below it. */
function carriesMarker(pid: number, prefix: string): boolean {
  return readMarkers(pid)?.some((marker) => marker.startsWith(prefix)) ?? false;
}
