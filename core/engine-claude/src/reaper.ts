import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { MARKER_VARIABLE } from "@claudeway/core/host";

/** A process, told apart from a later one with the same pid by its start time. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot: field 22 of /proc/PID/stat, see proc(5). */
  readonly startTime: number;
}

interface ProcessEntry extends ProcessId {
  readonly parent: number;
  /** The pid of the process that made the session, alive or not. */
  readonly session: number;
  readonly zombie: boolean;
}

/** How long the marked processes are given after TERM, in ms. */
const TERM_GRACE_MS = 1000;
const POLL_MS = 25;
/** A process is seen without its environment for the moment of its exec: only so many empty looks in a row count. */
const EMPTY_LOOKS = 2;
const MAX_KILLS = 40;

/** The start time of a process, or undefined when it is gone or there is no /proc. */
export function startTimeOf(pid: number): number | undefined {
  return readStat(pid)?.startTime;
}

/**
 * Every live process that carries a marker which starts with `prefix`, or was known before, with all descendants of
 * these and all members of their sessions: one with an environment of its own is still found by those. (One that had
 * such an environment, a session of its own and no parent any more before anybody looked is not found.)
 * Linux only: elsewhere the list is empty.
 */
export async function findMarked(prefix: string, known: readonly ProcessId[] = []): Promise<ProcessId[]> {
  const entries = await readProcessTable();
  const startTimes = new Map(known.map(({ pid, startTime }) => [pid, startTime]));
  const ours = new Set<number>();
  await Promise.all(
    entries.map(async ({ pid, startTime, zombie }) => {
      if (startTimes.get(pid) === startTime || (!zombie && (await carriesMarker(pid, prefix)))) ours.add(pid);
    }),
  );
  addRelated(ours, entries);
  return entries
    .filter(({ pid, zombie }) => ours.has(pid) && !zombie && pid !== process.pid)
    .map(({ pid, startTime }) => ({ pid, startTime }));
}

export interface EndOptions {
  /** How long they may take to end after TERM, in ms; 0 kills them at once (default: a second). */
  readonly graceMs?: number;
  /** Processes that were found before, and may be found by nothing else any more. */
  readonly known?: readonly ProcessId[];
}

/** Ends every process that `findMarked` finds: TERM, a grace, KILL. Returns how many there were at first. */
export async function endMarked(
  prefix: string,
  { graceMs = TERM_GRACE_MS, known = [] }: EndOptions = {},
): Promise<number> {
  const found = await findMarked(prefix, known);
  let left: readonly ProcessId[] = found;
  if (graceMs > 0) {
    signalAll(left, "SIGTERM");
    const deadline = Date.now() + graceMs;
    while (left.length > 0 && Date.now() < deadline) {
      await sleep(POLL_MS);
      left = await findMarked(prefix, left);
    }
  }
  // A process may fork between the look and the signal: look again until there is nothing.
  let empty = left.length === 0 ? 1 : 0;
  for (let round = 0; empty < EMPTY_LOOKS && round < MAX_KILLS; round++) {
    signalAll(left, "SIGKILL");
    await sleep(POLL_MS);
    left = await findMarked(prefix, left);
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
 * Adds descendants, and who shares a session: a marked process is in a session that was made below us (every child is
 * started in one of its own), and nobody can join a session from outside.
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

async function readProcessTable(): Promise<ProcessEntry[]> {
  const names = await readdir("/proc").catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  return pids.map(readStat).filter((entry) => entry !== undefined);
}

/**
 * Reads /proc/PID/stat; the command in parentheses may hold spaces and parentheses of its own. Synchronously: the kernel
 * makes the file as it is read, and a thread of the pool costs more than that.
 */
function readStat(pid: number): ProcessEntry | undefined {
  const stat = readNow(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const [state, parent, , session, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const startTime = Number(rest[15]);
  return { pid, zombie: state === "Z", parent: Number(parent), session: Number(session), startTime };
}

function readNow(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // The process has gone, or is another user's.
    return undefined;
  }
}

async function carriesMarker(pid: number, prefix: string): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
  const line = environment.split("\0").find((entry) => entry.startsWith(`${MARKER_VARIABLE}=`));
  // A gateway that runs inside a tool call of another one appends its marker: either finds what is below it.
  return (
    line
      ?.slice(MARKER_VARIABLE.length + 1)
      .split(",")
      .some((marker) => marker.startsWith(prefix)) ?? false
  );
}
