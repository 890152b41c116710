import { setTimeout as sleep } from "node:timers/promises";
import { judge, type Verdict } from "./books.js";
import { Cluster } from "./cluster.js";
import { IDLE, occupy, processesGone, untilServed } from "./trials.js";

/** For how many leases the database is away. Nodes end their work after two thirds of one. */
export const OUTAGES = [
  { name: "database away, for shorter than the fence", leases: 0.4, isFenced: false },
  { name: "database away, for longer than the fence", leases: 2, isFenced: true },
] as const;

/** Times in ms. */
export interface OutageFigures {
  /** From the database's return on, until an idle session, and all of them, are served. */
  readonly firstServedMs: number;
  readonly allServedMs: number;
  /** From the outage on, until no process of a turn was left; undefined where turns go on. */
  readonly processesGoneMs: number | undefined;
  /** What clients got for the turns that ran. */
  readonly answers: readonly (number | string)[];
  readonly verdict: Verdict;
}

/** Two nodes lose their database for a while; one has idle and busy sessions. */
export async function runOutage(
  { leases, isFenced }: (typeof OUTAGES)[number],
  leaseSecs: number,
): Promise<OutageFigures> {
  const cluster = await Cluster.start({
    nodes: ["a", "b"],
    cluster: { lease_secs: leaseSecs, shared_workdirs: true },
  });
  try {
    const [a, b] = [cluster.node("a"), cluster.node("b")];
    // Until after a short outage, or longer than a long one.
    const { load, busy } = await occupy(cluster, leaseSecs * 1000 * (isFenced ? 20 : 1.5));
    const idle = load.sessions.slice(0, IDLE);

    const before = performance.now();
    await cluster.postgres.kill();
    const gone = isFenced ? processesGone(a, () => performance.now() - before) : undefined;
    await sleep(leaseSecs * 1000 * leases);
    await cluster.postgres.start();
    const back = performance.now();
    const served = async (session: string) => {
      await untilServed(load, b, session);
      return performance.now() - back;
    };
    const times = await Promise.all((isFenced ? load.sessions : idle).map(served));
    return {
      firstServedMs: Math.min(...times),
      allServedMs: Math.max(...times),
      processesGoneMs: await gone,
      answers: await Promise.all(busy),
      verdict: await judge(cluster, load.history),
    };
  } finally {
    await cluster.dispose();
  }
}
