import type { SandboxConfig } from "./config.js";

const MIB = 1024 * 1024;

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
    ...(cpu_secs > 0 ? [`--cpu=${cpu_secs}`] : []),
    "--",
  ];
}
