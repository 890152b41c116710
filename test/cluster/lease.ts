import { availableParallelism, loadavg } from "node:os";

/** A lease in s that nodes can renew on this machine: longer where it is very busy, since its nodes wait for processors. */
export function leaseSecs(onQuietMachine: number): number {
  const [load = 0] = loadavg();
  return Math.ceil(onQuietMachine * Math.max(1, load / availableParallelism() / 4));
}
