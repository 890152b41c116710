import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A number of idle processes in their own process group. */
export async function startIdle(count: number): Promise<ChildProcess | undefined> {
  if (count === 0) return undefined;
  const script = `i=0; while [ $i -lt ${count} ]; do sleep 86400 & i=$((i + 1)); done; echo there; wait`;
  const shell = spawn("/bin/sh", ["-c", script], { detached: true, stdio: ["ignore", "pipe", "ignore"] });
  await once(shell.stdout, "data");
  return shell;
}

export function endIdle(idle: ChildProcess | undefined): void {
  if (idle?.pid !== undefined) process.kill(-idle.pid, "SIGKILL");
}
