import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks of /proc/PID/stat in a second; see sysconf(3). */
const TICKS = 100;

/** Processor time of a process so far, thread by thread, in ms. */
export function ownMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
  );
  return threads.reduce((sum, ns) => sum + ns, 0) / 1e6;
}

/** Processor time of a process's children that have gone, with theirs, in ms. */
export function endedChildrenMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (1000 * (Number(fields[13]) + Number(fields[14]))) / TICKS;
}
