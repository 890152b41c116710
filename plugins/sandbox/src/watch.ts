import { readdirSync, readFileSync } from "node:fs";
import type { SandboxConfig } from "./config.js";

/** How often sandboxes are measured, in ms. */
const INTERVAL_MS = 500;
const KIB_PER_MIB = 1024;
/** Processes around those that the kernel counts. */
const OUTSIDE = 8;

interface Log {
  warn(fields: object, message: string): void;
}

/** What runs in a sandbox. */
interface Measured {
  readonly threads: number;
  readonly memoryMib: number;
}

/**
 * Kills sandboxes that use too much: the kernel limits memory only for each process, and a Bun program reserves
 * gigabytes that it never uses. Returns a function that ends the watch.
 */
export function watchSandboxes(
  bwrap: string,
  { memory_mb, processes }: Pick<SandboxConfig, "memory_mb" | "processes">,
  log: Log,
): () => void {
  const maxMib = memory_mb === 0 ? Number.POSITIVE_INFINITY : memory_mb;
  const timer = setInterval(() => {
    for (const pid of sandboxesOf(bwrap)) {
      const { threads, memoryMib } = measure(pid);
      if (threads <= processes + OUTSIDE && memoryMib <= maxMib) continue;
      log.warn(
        { pid, threads, memory_mb: Math.round(memoryMib) },
        "a sandbox exceeded its limits and was killed",
      );
      kill(pid);
    }
  }, INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** The gateway's own children that run bubblewrap. */
function sandboxesOf(bwrap: string): number[] {
  return childrenOf(process.pid).filter((pid) => read(`/proc/${pid}/cmdline`).startsWith(`${bwrap}\0`));
}

function measure(root: number): Measured {
  let threads = 0;
  let kib = 0;
  const pids = [root];
  for (let pid = pids.pop(); pid !== undefined; pid = pids.pop()) {
    const status = read(`/proc/${pid}/status`);
    threads += fieldOf(status, "Threads");
    kib += fieldOf(status, "RssAnon") + fieldOf(status, "VmSwap");
    pids.push(...childrenOf(pid));
  }
  return { threads, memoryMib: kib / KIB_PER_MIB };
}

function fieldOf(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
}

/** The kernel ends the whole sandbox with its first process. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself meanwhile.
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      read(`/proc/${pid}/task/${thread}/children`).split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

/** Files of /proc are made as they are read; "" where the process has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
