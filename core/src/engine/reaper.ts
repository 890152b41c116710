import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** The variable that every child carries, and hands down to all that it starts. */
export const MARKER_VARIABLE = "CLAUDEWAY_PROCESS";

/** A process, told apart from a later one with the same pid by its start time. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot: field 22 of /proc/PID/stat, see proc(5). */
  readonly startTime: number;
}

interface ProcessEntry extends ProcessId {
  readonly parent: number;
  readonly zombie: boolean;
}

/** How long the marked processes are given after TERM, in ms. */
const TERM_GRACE_MS = 1000;
const POLL_MS = 25;

/** The start time of a process, or undefined when it is gone or there is no /proc. */
export async function startTimeOf(pid: number): Promise<number | undefined> {
  return (await readStat(pid))?.startTime;
}

/**
 * Every live process that carries a marker which starts with `prefix`, with all descendants of these.
 * Linux only: elsewhere the list is empty.
 */
export async function findMarked(prefix: string): Promise<ProcessId[]> {
  const entries = await readProcessTable();
  const marked = new Set<number>();
  await Promise.all(
    entries.map(async (entry) => {
      if (!entry.zombie && (await carriesMarker(entry.pid, prefix))) marked.add(entry.pid);
    }),
  );
  addDescendants(marked, entries);
  return entries.filter((entry) => marked.has(entry.pid) && !entry.zombie && entry.pid !== process.pid);
}

/** Ends every process that `findMarked` finds: TERM, a second's grace, KILL. Returns how many there were. */
export async function endMarked(prefix: string, graceMs = TERM_GRACE_MS): Promise<number> {
  const found = await findMarked(prefix);
  if (found.length === 0) return 0;
  await Promise.all(found.map((process) => signal(process, "SIGTERM")));
  const deadline = Date.now() + graceMs;
  let left = await findMarked(prefix);
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(POLL_MS);
    left = await findMarked(prefix);
  }
  // A process may fork between the look and the signal: look again until there is nothing.
  for (let round = 0; left.length > 0 && round < 40; round++) {
    await Promise.all(left.map((process) => signal(process, "SIGKILL")));
    await sleep(POLL_MS);
    left = await findMarked(prefix);
  }
  return found.length;
}

/** Signals a process unless its pid has passed to another one. */
async function signal(target: ProcessId, name: NodeJS.Signals): Promise<void> {
  if ((await startTimeOf(target.pid)) !== target.startTime) return;
  try {
    process.kill(target.pid, name);
  } catch {
    // It ended by itself between the look and the signal: that is what was wanted.
  }
}

function addDescendants(pids: Set<number>, entries: readonly ProcessEntry[]): void {
  let before: number;
  do {
    before = pids.size;
    for (const entry of entries) if (pids.has(entry.parent)) pids.add(entry.pid);
  } while (pids.size > before);
}

async function readProcessTable(): Promise<ProcessEntry[]> {
  const names = await readdir("/proc").catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const entries = await Promise.all(pids.map(readStat));
  return entries.filter((entry) => entry !== undefined);
}

/** Reads /proc/PID/stat; the command in parentheses may hold spaces and parentheses of its own. */
async function readStat(pid: number): Promise<ProcessEntry | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { pid, zombie: fields[0] === "Z", parent: Number(fields[1]), startTime: Number(fields[19]) };
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
