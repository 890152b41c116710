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
  const { children } = ticksOf(pid);
  return (1000 * children) / TICKS;
}

/** Processor time of a process so far, with its threads and children that have gone, in ms. */
export function lifetimeMs(pid: number): number {
  const { own, children } = ticksOf(pid);
  return (1000 * (own + children)) / TICKS;
}

function ticksOf(pid: number): { own: number; children: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const [user, system, childrenUser, childrenSystem] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 15)
    .map(Number);
  return { own: Number(user) + Number(system), children: Number(childrenUser) + Number(childrenSystem) };
}
