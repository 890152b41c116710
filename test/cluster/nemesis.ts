import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../e2e/poll.js";
import { judge, type Verdict } from "./books.js";
import { Cluster, type ClusterOptions } from "./cluster.js";
import { FAULTS, type Fault, type Length, lengthOf } from "./faults.js";
import { type History, Load } from "./load.js";
import type { ClusterNode } from "./node.js";
import { Random } from "./random.js";

export interface NemesisOptions {
  readonly seed: number;
  /** How long faults happen, in ms. */
  readonly ms: number;
  readonly nodes?: number;
  readonly leaseSecs?: number;
  readonly faults?: readonly Fault[];
  /** Of the faults; both if undefined. */
  readonly length?: Length;
  /** Faults of nodes that may last at once. */
  readonly atOnce?: number;
  readonly cluster?: Partial<ClusterOptions>;
  /** How long turns work at most, in ms. */
  readonly turnMs?: number;
  readonly say?: (line: string) => void;
}

export interface NemesisReport {
  readonly seed: number;
  readonly verdict: Verdict;
  readonly history: History;
  /** How often each fault happened. */
  readonly faults: Readonly<Record<string, number>>;
}

/** How long the cluster may take to be whole again after the last fault, in leases. */
const WHOLE_LEASES = 12;

/** Runs turns on a cluster to which things happen by a seed, and judges the books afterwards. */
export async function nemesis(options: NemesisOptions): Promise<NemesisReport> {
  const { seed, nodes = 3, leaseSecs = 3 } = options;
  const names = Array.from({ length: nodes }, (_, number) => `node-${number + 1}`);
  const cluster = await Cluster.start({
    nodes: names,
    cluster: { lease_secs: leaseSecs, shared_workdirs: true },
    movableClock: true,
    ...options.cluster,
  });
  try {
    return await new Nemesis(cluster, options, new Random(seed), leaseSecs * 1000).run();
  } finally {
    await cluster.dispose();
  }
}

class Nemesis {
  readonly #counts: Record<string, number> = {};
  readonly #busy = new Set<ClusterNode>();
  #underWay: Promise<void>[] = [];

  constructor(
    private readonly cluster: Cluster,
    private readonly options: NemesisOptions,
    private readonly random: Random,
    private readonly leaseMs: number,
  ) {}

  async run(): Promise<NemesisReport> {
    const { seed, ms, turnMs = 400 } = this.options;
    const load = new Load(this.cluster.nodes, {
      clients: 8,
      sessions: 12,
      ms: turnMs,
      random: new Random(seed + 1),
    });
    await load.start();
    await this.#untilSome(load, 10);
    const end = performance.now() + ms;
    while (performance.now() < end) await this.#next();
    await Promise.all(this.#underWay);
    await this.#untilWhole();
    await this.#untilSome(load, 20);
    await load.stop();
    await this.#untilNoneOpen();
    const verdict = await judge(this.cluster, load.history);
    return { seed, verdict, history: load.history, faults: this.#counts };
  }

  /** Begins one fault, or lets the cluster work for a while. */
  async #next(): Promise<void> {
    const { atOnce = 2, faults = FAULTS, length } = this.options;
    const fault = this.random.pick(faults);
    const lasts = length ?? this.random.pick(["short", "long"] as const);
    const ms = lengthOf(lasts, this.leaseMs, this.random);
    const free = this.cluster.nodes.filter((node) => !this.#busy.has(node));
    if (fault.of === "database" || this.#busy.size >= atOnce || free.length <= 1) {
      await Promise.all(this.#underWay.splice(0));
      await this.#untilWhole();
    }
    const node = this.random.pick(this.cluster.nodes.filter((one) => !this.#busy.has(one)));
    this.#counts[fault.name] = (this.#counts[fault.name] ?? 0) + 1;
    this.options.say?.(`${fault.name}: ${fault.of === "node" ? node.name : "all"}, ${Math.round(ms)} ms`);
    const happening = this.#happen(fault, node, ms);
    if (fault.of === "database") await happening;
    else this.#underWay.push(happening);
    await sleep(this.random.next() * this.leaseMs * 0.5);
  }

  async #happen(fault: Fault, node: ClusterNode, ms: number): Promise<void> {
    this.#busy.add(node);
    try {
      await fault.happen(this.cluster, node, ms);
    } finally {
      this.#busy.delete(node);
    }
  }

  /** Until every node says that it serves. */
  async #untilWhole(): Promise<void> {
    for (const node of this.cluster.nodes)
      await eventually(
        `${node.name} ready\n${node.output.slice(-3000)}`,
        () => node.isReady(),
        this.#wholeMs,
      );
  }

  async #untilSome({ history }: Load, count: number): Promise<void> {
    const before = history.acknowledged.length;
    await eventually("turns", () => history.acknowledged.length >= before + count, this.#wholeMs);
  }

  async #untilNoneOpen(): Promise<void> {
    const none = async () =>
      (await this.cluster.query(`SELECT 1 FROM turns WHERE "end" IS NULL AND parked IS NULL LIMIT 1`))
        .length === 0;
    // What is still open then is named by the verdict.
    await eventually("no open turn", none, this.#wholeMs).catch(() => undefined);
  }

  get #wholeMs(): number {
    return Math.max(this.leaseMs * WHOLE_LEASES, 60_000);
  }
}
