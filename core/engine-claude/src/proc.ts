import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { MARKER_VARIABLE } from "@claudeway/core/marker";

/*
 * What /proc says of processes; see proc(5). Read synchronously: the kernel makes these files as they are read, in a
 * few microseconds, and a thread of the pool costs more than that. Where there is no /proc, nothing is found.
 */

/** A process, distinguished by its start time from a later one with the same pid. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot: field 22 of /proc/PID/stat. */
  readonly startTime: number;
}

export interface ProcessEntry extends ProcessId {
  readonly parent: number;
  /** The pid of the process that made the session, alive or not. */
  readonly session: number;
  readonly zombie: boolean;
  /** It has given up its memory already: it is about to be a zombie, or is one (or is a thread of the kernel). */
  readonly exiting: boolean;
  /** By a signal, or by a debugger. */
  readonly stopped: boolean;
}

/** Grows to what the largest file needed. */
let buffer = Buffer.allocUnsafe(64 * 1024);

/** The start time of a process; undefined if it has ended or /proc does not exist. */
export function startTimeOf(pid: number): number | undefined {
  return readStat(pid)?.startTime;
}

/** Reads /proc/PID/stat; the command in parentheses may hold spaces and parentheses of its own. */
export function readStat(pid: number): ProcessEntry | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const [state, parent, , session, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const startTime = Number(rest[15]);
  return {
    pid,
    zombie: state === "Z",
    exiting: rest[16] === "0",
    stopped: state === "T" || state === "t",
    parent: Number(parent),
    session: Number(session),
    startTime,
  };
}

/** Every process of the machine. */
export function readProcessTable(): ProcessEntry[] {
  return numbersIn("/proc")
    .map(readStat)
    .filter((entry) => entry !== undefined);
}

/**
 * The markers that a process carries: its own gateway's, and those of gateways around that. Undefined where its
 * environment is empty or can't be read; it is empty for a moment while a process starts another program.
 */
export function readMarkers(pid: number): readonly string[] | undefined {
  const environment = read(`/proc/${pid}/environ`);
  if (!environment) return undefined;
  const name = `${MARKER_VARIABLE}=`;
  const line = environment.split("\0").find((entry) => entry.startsWith(name));
  return line === undefined ? [] : line.slice(name.length).split(",");
}

/** The children of a process, of all its threads; none where it is gone. */
export function childrenOf(pid: number): number[] {
  return numbersIn(`/proc/${pid}/task`).flatMap((thread) => pidsIn(readChildren(pid, thread) ?? ""));
}

/**
 * The children of one thread as the kernel reports them: pids in the order in which they became its children. Undefined
 * if the thread is gone, or if the kernel does not provide the list.
 */
export function readChildren(pid: number, thread: number): string | undefined {
  return read(`/proc/${pid}/task/${thread}/children`);
}

/** The pids in the output of `readChildren`. */
export function pidsIn(text: string): number[] {
  return text.split(" ").filter(Boolean).map(Number);
}

/** The process below `root`, or itself, that runs a program by this path; undefined if it does not run yet, or not here. */
export function findProgram(root: number, path: string): number | undefined {
  const pids = [root];
  for (let pid = pids.shift(); pid !== undefined; pid = pids.shift()) {
    if (read(`/proc/${pid}/cmdline`)?.startsWith(`${path}\0`)) return pid;
    pids.push(...childrenOf(pid));
  }
  return undefined;
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .map(Number)
      .filter((number) => number > 0);
  } catch {
    // The process has ended, or /proc does not exist.
    return [];
  }
}

/**
 * The resident memory of a process in bytes, from `VmRSS` in /proc/PID/status; 0 if unknown. (`statm` is shorter, but
 * in pages, whose size Node does not provide.)
 */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

/** A whole file; undefined where it is gone or another user's. */
function read(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    let length = 0;
    for (;;) {
      const more = readSync(file, buffer, length, buffer.length - length, null);
      length += more;
      if (more === 0) return buffer.toString("latin1", 0, length);
      if (length === buffer.length) buffer = Buffer.concat([buffer, Buffer.allocUnsafe(buffer.length)]);
    }
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}
