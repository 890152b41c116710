import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../e2e/poll.js";
import { judge, type Verdict } from "./books.js";
import { Cluster, type ClusterOptions } from "./cluster.js";
import { Load } from "./load.js";
import type { ClusterNode } from "./node.js";
import { Random } from "./random.js";

/** What happens to a node with idle and busy sessions, and how it is undone. */
export interface Trial {
  readonly name: string;
  begin(node: ClusterNode, cluster: Cluster): unknown;
  undo(node: ClusterNode, cluster: Cluster): unknown;
  /** Whether clients still reach the node: they go on asking it. */
  readonly reachable: boolean;
}

/** Times in ms from the fault on. */
export interface TrialFigures {
  readonly idleServedMs: number;
  readonly busyServedMs: number;
  readonly allServedMs: number;
  /** Until no process of the node's turns was left. */
  readonly processesGoneMs: number;
  readonly verdict: Verdict;
  /** Successes that the faulty node gave while it was faulty. */
  readonly zombieAnswers: number;
}

export const TRIALS: readonly Trial[] = [
  {
    name: "gateway killed",
    begin: (node) => node.kill(),
    undo: (node) => node.start(),
    reachable: false,
  },
  {
    name: "gateway stopped, woken later",
    begin: (node) => node.suspend(),
    undo: (node) => node.wake(),
    reachable: false,
  },
  {
    name: "cut off from the database, reachable for clients",
    begin: (node) => node.database.cut(),
    undo: (node) => node.database.restore(),
    reachable: true,
  },
  {
    name: "hears nothing from the database, and is heard",
    begin: (node) => node.database.cutOneWay("back"),
    undo: (node) => node.database.restore(),
    reachable: true,
  },
];

export const IDLE = 10;
export const BUSY = 3;
/** Longer than any trial. */
const BUSY_MS = 300_000;
const SHORT_MS = 20;

/** One node has idle and busy sessions, then something happens to it; the other one serves them. */
export async function runTrial(
  trial: Trial,
  leaseSecs: number,
  options: Partial<ClusterOptions> = {},
): Promise<TrialFigures> {
  const cluster = await Cluster.start({
    nodes: ["a", "b"],
    cluster: { lease_secs: leaseSecs, shared_workdirs: true },
    ...options,
  });
  try {
    return await perform(trial, cluster, leaseSecs * 1000);
  } finally {
    await cluster.dispose();
  }
}

async function perform(trial: Trial, cluster: Cluster, leaseMs: number): Promise<TrialFigures> {
  const [a, b] = [cluster.node("a"), cluster.node("b")];
  const { load, busy } = await occupy(cluster, BUSY_MS);

  const before = performance.now();
  const since = () => performance.now() - before;
  await trial.begin(a, cluster);
  const gone = processesGone(a, since);
  const asked = trial.reachable ? askOn(load, a, leaseMs * 2) : undefined;
  const served = load.sessions.map((session) => servedAt(load, b, session, since));
  const times = await Promise.all(served);
  const processesGoneMs = await gone;
  const zombieAnswers = (await asked) ?? 0;

  await trial.undo(a, cluster);
  await eventually("a ready again", () => a.isReady());
  await Promise.all(busy);
  for (const session of load.sessions) await untilServed(load, a, session);
  return {
    idleServedMs: Math.min(...times.slice(0, IDLE)),
    busyServedMs: Math.min(...times.slice(IDLE)),
    allServedMs: Math.max(...times),
    processesGoneMs,
    verdict: await judge(cluster, load.history),
    zombieAnswers,
  };
}

/** Gives the node a idle sessions, and busy ones, whose turns work for `busyMs`. Resolves once all of them do. */
export async function occupy(
  cluster: Cluster,
  busyMs: number,
): Promise<{ readonly load: Load; readonly busy: readonly Promise<number | string>[] }> {
  const a = cluster.node("a");
  const load = new Load(cluster.nodes, {
    clients: 0,
    sessions: IDLE + BUSY,
    ms: SHORT_MS,
    random: new Random(1),
  });
  await load.open(a);
  for (const session of load.sessions) await load.prompt(a, session, SHORT_MS);
  const busy = load.sessions.slice(IDLE).map((session) => load.prompt(a, session, busyMs));
  await eventually("busy sessions", () => areBusy(cluster));
  return { load, busy };
}

/** Whether the turns of the busy sessions have begun, and work. */
async function areBusy(cluster: Cluster): Promise<boolean> {
  const [{ open = 0 } = {}] = await cluster.query(`SELECT count(*) AS open FROM turns WHERE "end" IS NULL`);
  return Number(open) === BUSY && (await cluster.node("a").children()).length >= BUSY;
}

/** When the other node first answers a prompt of the session. */
async function servedAt(
  load: Load,
  node: ClusterNode,
  session: string,
  since: () => number,
): Promise<number> {
  await untilServed(load, node, session);
  return since();
}

export async function untilServed(load: Load, node: ClusterNode, session: string): Promise<void> {
  await eventually(
    `an answer of ${node.name}`,
    async () => (await load.prompt(node, session, SHORT_MS)) === 200 || sleep(100, false),
  );
}

export async function processesGone(node: ClusterNode, since: () => number): Promise<number> {
  await eventually("no process", async () => (await node.children()).length === 0 || sleep(30, false));
  return since();
}

/** Prompts to the faulty node itself, once the other one may have taken over; counts its successes. */
async function askOn(load: Load, node: ClusterNode, ms: number): Promise<number> {
  const [session = ""] = load.sessions;
  await sleep(ms * 0.5);
  const before = load.history.acknowledged.length;
  const ends = performance.now() + ms * 0.5;
  while (performance.now() < ends) {
    await Promise.race([load.prompt(node, session, SHORT_MS), sleep(1000)]);
    await sleep(100);
  }
  return load.history.acknowledged.slice(before).filter((one) => one.node === node.name).length;
}
