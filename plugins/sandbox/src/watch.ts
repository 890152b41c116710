import type { SandboxConfig } from "./config.js";
import { killSandbox, read, sandboxesOf, treeOf } from "./processes.js";

/** How often sandboxes are measured, in ms. */
const INTERVAL_MS = 500;
const KIB_PER_MIB = 1024;
/** Processes around those that the kernel counts. */
const OUTSIDE = 8;
/** Fewer that could still be started than this are as good as none: programs, the CLI too, start several threads at once. */
const FEW = 8;

const FULL =
  "a sandbox has used up its processes: nothing can be started in it, and its CLI may end (exit code 134)";

interface Log {
  warn(fields: object, message: string): void;
}

/** What runs in a sandbox. */
interface Measured {
  readonly threads: number;
  readonly memoryMib: number;
}

/**
 * Kills sandboxes that use too much: without a cgroup, the kernel limits memory only for each process, and a Bun program
 * reserves gigabytes that it never uses. Calls `sweep` each time. Returns a function that ends the watch.
 */
export function watchSandboxes(
  bwrap: string,
  { memory_mb, processes }: Pick<SandboxConfig, "memory_mb" | "processes">,
  log: Log,
  sweep: () => void,
): () => void {
  const maxMib = memory_mb === 0 ? Number.POSITIVE_INFINITY : memory_mb;
  let full = new Set<number>();
  const timer = setInterval(() => {
    sweep();
    const before = full;
    full = new Set();
    for (const pid of sandboxesOf(bwrap)) {
      const { threads, memoryMib } = measure(pid);
      if (threads > processes - FEW) {
        full.add(pid);
        if (!before.has(pid)) log.warn({ pid, threads, processes }, FULL);
      }
      if (threads <= processes + OUTSIDE && memoryMib <= maxMib) continue;
      log.warn(
        { pid, threads, memory_mb: Math.round(memoryMib) },
        "a sandbox exceeded its limits and was killed",
      );
      killSandbox(pid);
    }
  }, INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function measure(root: number): Measured {
  let threads = 0;
  let kib = 0;
  for (const pid of treeOf(root)) {
    const status = read(`/proc/${pid}/status`);
    threads += fieldOf(status, "Threads");
    kib += fieldOf(status, "RssAnon") + fieldOf(status, "VmSwap");
  }
  return { threads, memoryMib: kib / KIB_PER_MIB };
}

function fieldOf(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
}
