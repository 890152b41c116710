import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { KEYS } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import { decisions, waiting, wronglyDecided } from "./asked-books.js";
import { APPROVAL, type AskedHistory, Asking } from "./asking.js";
import { burialsOf, journal, judge, type Verdict } from "./books.js";
import { Cluster, type ClusterOptions } from "./cluster.js";
import { databaseAway, FAULTS, type Fault, type Length, lengthOf } from "./faults.js";
import { type History, Load } from "./load.js";
import type { Network } from "./network.js";
import type { ClusterNode } from "./node.js";
import { Random } from "./random.js";
import { BUDGETS, overruns, SPENDER_KEYS, Spending } from "./spending.js";

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
  /** Nodes and database are in namespaces of this network, instead of behind proxies. */
  readonly network?: Network | undefined;
  /** How long turns work at most, in ms. */
  readonly turnMs?: number;
  readonly say?: (line: string) => void;
  /** Ends the run, which then rejects. */
  readonly signal?: AbortSignal;
}

export interface NemesisReport {
  readonly seed: number;
  readonly verdict: Verdict;
  readonly history: History;
  /** How often each fault happened. */
  readonly faults: Readonly<Record<string, number>>;
  readonly asked: AskedHistory;
  /** The calls of the ledger, by status. */
  readonly decisions: Readonly<Record<string, number>>;
  /** Budgets that were used up, and turns that were refused for that. */
  readonly budgets: { readonly exhausted: number; readonly refused: number };
}

/** How long a few turns work at most, in leases: longer than their session stays with a node that is gone. */
const LONG_LEASES = 2;
/** How long the cluster may take to be whole again after the last fault, in leases. */
const WHOLE_LEASES = 12;
/** And at least, on a machine that has much else to do, in ms. */
const WHOLE_MS = 300_000;

const OWN_KEYS = Object.entries(KEYS)
  .map(([id, secret]) => `${id}:${secret}`)
  .join(",");

/** Runs turns on a cluster to which things happen by a seed, and judges the books afterwards. */
export async function nemesis(options: NemesisOptions): Promise<NemesisReport> {
  const { seed, nodes = 3, leaseSecs = 3 } = options;
  const names = Array.from({ length: nodes }, (_, number) => `node-${number + 1}`);
  const cluster = await Cluster.start({
    nodes: names,
    cluster: { lease_secs: leaseSecs, shared_workdirs: true },
    movableClocks: true,
    durable: true,
    network: options.network,
    config: { engine: { spares: 0 }, plugins: { approval: APPROVAL, limits: BUDGETS } },
    envOf: () => ({ WRAPPER_KEYS: `${OWN_KEYS},${SPENDER_KEYS}` }),
    ...options.cluster,
  });
  try {
    const { signal = new AbortController().signal } = options;
    const run = new Nemesis(cluster, options, new Random(seed), leaseSecs * 1000).run();
    return await Promise.race([run, aborted(signal)]);
  } finally {
    await cluster.dispose();
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, "abort");
  throw signal.reason;
}

class Nemesis {
  readonly #counts: Record<string, number> = {};
  /** What broke while faults happened. */
  readonly #found: string[] = [];
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
      longMs: this.leaseMs * LONG_LEASES,
      random: new Random(seed + 1),
    });
    const asking = new Asking(this.cluster.nodes, new Random(seed + 2));
    const spending = new Spending(this.cluster.nodes, new Random(seed + 3));
    await this.#untilWhole();
    await load.start();
    asking.start();
    spending.start();
    await this.#untilSome(load, 10);
    const end = performance.now() + ms;
    while (performance.now() < end) await this.#next();
    await Promise.all(this.#underWay);
    await this.#untilWhole();
    await this.#untilSome(load, 20);
    await Promise.all([load.stop(), asking.stopAsking(), spending.stop()]);
    await this.#untilAllDecided();
    await asking.stop();
    await this.#untilNoneOpen();
    const history = {
      ...load.history,
      acknowledged: [...load.history.acknowledged, ...asking.history.answered],
    };
    const verdict = await judge(this.cluster, history);
    const broken = [
      ...verdict.broken,
      ...this.#found,
      ...(await wronglyDecided(this.cluster, asking.history, journal(this.cluster.dir))),
      ...(await overruns(this.cluster)),
    ];
    return {
      seed,
      verdict: { ...verdict, broken },
      history,
      faults: this.#counts,
      asked: asking.history,
      decisions: await decisions(this.cluster),
      budgets: { exhausted: spending.exhausted, refused: spending.refused },
    };
  }

  /** Begins one fault, or lets the cluster work for a while. */
  async #next(): Promise<void> {
    const { atOnce = 2, faults = FAULTS, length } = this.options;
    const possible = faults.filter(({ can }) => can?.(this.cluster) !== false);
    const fault = this.random.pick(possible);
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
    const happening = this.#happen(fault, node, ms, lasts);
    if (fault === databaseAway) await this.#withoutBurials(happening);
    else if (fault.of === "database") await happening;
    else this.#underWay.push(happening);
    await sleep(this.random.next() * this.leaseMs * 0.5);
  }

  /** No node is buried for what all of them could not see. */
  async #withoutBurials(happening: Promise<void>): Promise<void> {
    const before = burialsOf(this.cluster);
    await happening;
    await this.#untilWhole();
    const after = burialsOf(this.cluster);
    if (after > before) this.#found.push(`${after - before} nodes were buried while the database was away`);
  }

  async #happen(fault: Fault, node: ClusterNode, ms: number, length: Length): Promise<void> {
    this.#busy.add(node);
    try {
      await fault.happen(this.cluster, node, ms, length);
    } catch (error) {
      this.#found.push(`after "${fault.name}" of ${node.name}: ${String(error).slice(0, 2000)}`);
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

  async #untilAllDecided(): Promise<void> {
    const all = async () => (await waiting(this.cluster)) === 0;
    // What still waits then is named by the verdict.
    await eventually("no call that waits", all, this.#wholeMs).catch(() => undefined);
  }

  async #untilNoneOpen(): Promise<void> {
    const none = async () =>
      (await this.cluster.query(`SELECT 1 FROM turns WHERE "end" IS NULL AND parked IS NULL LIMIT 1`))
        .length === 0;
    // What is still open then is named by the verdict.
    await eventually("no open turn", none, this.#wholeMs).catch(() => undefined);
  }

  get #wholeMs(): number {
    return Math.max(this.leaseMs * WHOLE_LEASES, WHOLE_MS);
  }
}
