import type { SandboxConfig } from "./config.js";
import { read } from "./processes.js";

const MIB = 1024 * 1024;
/** Files that one process may have open: each open file is looked at when folders are measured. */
const MAX_OPEN = 4096;

/**
 * What runs a program with the limits of the kernel that hold for each process. Inside the sandbox, they can't be
 * raised again, and the number of processes is that of the sandbox's own user namespace.
 */
export function limitArguments({ processes, file_mb, cpu_secs }: SandboxConfig): string[] {
  return [
    "prlimit",
    // A core dump would be a file of the memory, where the machine writes them.
    "--core=0",
    `--nproc=${processes}`,
    `--fsize=${file_mb * MIB}`,
    `--nofile=${Math.min(MAX_OPEN, openLimit())}`,
    ...(cpu_secs > 0 ? [`--cpu=${cpu_secs}`] : []),
    "--",
  ];
}

/** What the gateway may have open itself: a limit can only be lowered. */
function openLimit(): number {
  const [, hard] = /^Max open files\s+\S+\s+(\d+)/m.exec(read("/proc/self/limits")) ?? [];
  return hard === undefined ? MAX_OPEN : Number(hard);
}
