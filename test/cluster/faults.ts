import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "./cluster.js";
import type { ClusterNode } from "./node.js";
import type { Random } from "./random.js";

/** Shorter than the fence, and longer than a lease. */
export type Length = "short" | "long";

/** Something that goes wrong, and passes. */
export interface Fault {
  readonly name: string;
  /** Of one node; several of such may last at once. Otherwise of the database: nothing else goes wrong meanwhile. */
  readonly of: "node" | "database";
  /** Whether it can happen to this cluster; undefined: it can to each. */
  readonly can?: (cluster: Cluster) => boolean;
  /** Resolves when it has passed. Rejects if processes of the node's turns outlived its place in the cluster. */
  happen(cluster: Cluster, node: ClusterNode, ms: number, length: Length): Promise<void>;
}

/** How long a fault lasts, in ms, with a lease of this length. */
export function lengthOf(length: Length, leaseMs: number, random: Random): number {
  if (length === "short") return random.next() * leaseMs * 0.45;
  return leaseMs * (1.2 + random.next() * 0.8);
}

/** A fault that lasts until it is undone. */
function lasting(
  name: string,
  of: Fault["of"],
  begin: (node: ClusterNode, cluster: Cluster) => unknown,
  undo: (node: ClusterNode, cluster: Cluster) => unknown,
  /** Whether the node loses its place if it lasts long. */
  buries = false,
): Fault {
  return {
    name,
    of,
    async happen(cluster, node, ms, length) {
      await begin(node, cluster);
      await sleep(ms);
      const left = buries && length === "long" ? await node.workers() : [];
      await undo(node, cluster);
      if (left.length > 0) throw new Error(`${left.length} processes of ${node.name} outlived its place`);
    },
  };
}

export const kill = lasting(
  "killed",
  "node",
  (node) => node.kill(),
  (node) => node.start(),
  true,
);
export const restart = lasting(
  "drained and restarted",
  "node",
  (node) => node.end("SIGTERM"),
  (node) => node.start(),
);
export const suspend = lasting(
  "stopped and woken",
  "node",
  (node) => node.suspend(),
  (node) => node.wake(),
  true,
);
export const cut = lasting(
  "cut off from the database",
  "node",
  (node) => node.database.cut(),
  (node) => node.database.restore(),
  true,
);
export const deaf = lasting(
  "hears nothing from the database",
  "node",
  (node) => node.database.cutOneWay("back"),
  (node) => node.database.restore(),
  true,
);
export const mute = lasting(
  "reaches the database with nothing",
  "node",
  (node) => node.database.cutOneWay("towards"),
  (node) => node.database.restore(),
  true,
);
export const reset = lasting(
  "refused by the database",
  "node",
  (node) => node.database.reset(),
  (node) => node.database.restore(),
  true,
);
export const slow = lasting(
  "far from the database",
  "node",
  (node) => node.database.slow(),
  (node) => node.database.restore(),
);
export const unreachable = lasting(
  "cut off from other nodes",
  "node",
  (node) => node.peers.cut(),
  (node) => node.peers.restore(),
);
export const unheard = lasting(
  "other nodes hear nothing from it",
  "node",
  (node) => node.peers.cutOneWay("back"),
  (node) => node.peers.restore(),
);
export const unspoken = lasting(
  "hears nothing from other nodes",
  "node",
  (node) => node.peers.cutOneWay("towards"),
  (node) => node.peers.restore(),
);
export const remote = lasting(
  "far from other nodes",
  "node",
  (node) => node.peers.slow(),
  (node) => node.peers.restore(),
);
export const alone = lasting(
  "cut off from all",
  "node",
  async (node) => void (await Promise.all([node.database.cut(), node.peers.cut()])),
  async (node) => void (await Promise.all([node.database.restore(), node.peers.restore()])),
  true,
);
/** Both reach all others, and the database. */
export const apart: Fault = {
  name: "cut off from one other node",
  of: "node",
  can: ({ isNetwork }) => isNetwork,
  async happen(cluster, node, ms) {
    const others = cluster.nodes.filter((one) => one !== node);
    const way = cluster.between(node, others[Math.floor(ms) % others.length] ?? node);
    await way.cut();
    await sleep(ms);
    await way.close();
  },
};
export const slowDisk: Fault = {
  ...lasting(
    "slow disk of the database",
    "database",
    (_, { disk }) => disk?.slow(),
    (_, { disk }) => disk?.restore(),
  ),
  can: ({ disk }) => disk !== undefined,
};
export const databaseAway = lasting(
  "database killed and away",
  "database",
  (_, { postgres }) => postgres.kill(),
  (_, { postgres }) => postgres.start(),
);
/** Steps of two days, forwards and backwards. */
export const clock: Fault = {
  name: "wall clock moved by days",
  of: "node",
  async happen(_, node, ms) {
    node.clock.move("+2d");
    await sleep(ms / 2);
    node.clock.move("-2d");
    await sleep(ms / 2);
    node.clock.move("+0");
  },
};

/** How many nodes there are at most. */
const MAX_NODES = 5;
export const join: Fault = {
  name: "another node joins",
  of: "node",
  async happen(cluster, _, ms) {
    if (cluster.nodes.length < MAX_NODES) await cluster.add(`node-${cluster.nodes.length + 1}`);
    else await sleep(ms);
  },
};

export const FAULTS: readonly Fault[] = [
  kill,
  restart,
  suspend,
  cut,
  deaf,
  mute,
  reset,
  slow,
  unreachable,
  unheard,
  unspoken,
  remote,
  apart,
  alone,
  slowDisk,
  databaseAway,
  clock,
  join,
];
