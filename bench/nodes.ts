import { cpus } from "node:os";
import { Cluster, type ClusterOptions } from "../test/cluster/cluster.js";
import { Load } from "../test/cluster/load.js";
import { Random } from "../test/cluster/random.js";
import { timesOf } from "./load/times.js";
import { MACHINE } from "./machine.js";
import { median } from "./median.js";

/*
 * Turns a second and the ledger's transactions a turn: of one gateway on SQLite, of one on PostgreSQL, and of clusters, with the
 * scripted engine, whose turns do nothing. Prompts go to a random node each. All settings are measured in each round, so that their
 * ratios bear a busy machine. PostgreSQL does not wait for the disk here, like SQLite.
 * `npm run bench -- nodes [seconds] [rounds] [nodes at most] [--json]`
 */

const JSON_FLAG = "--json";
const asJson = process.argv.includes(JSON_FLAG);
const numbers = process.argv.slice(2).filter((argument) => argument !== JSON_FLAG);
const [secs = 5, rounds = 3, most = 4] = numbers.map(Number);
const CLIENTS = 32;
const WARM_TURNS = 100;

interface Setting {
  readonly name: string;
  readonly options: ClusterOptions;
}

/** Of one round; times are of the processor, in ms a turn. */
interface Measured {
  readonly perSecond: number;
  readonly gatewaysMs: number;
  readonly postgresMs: number;
  readonly clientsMs: number;
  readonly transactions: number;
  /** The share of all processors that these processes had, and that all processes of the machine had. */
  readonly ownShare: number;
  readonly busyShare: number;
  readonly refused: number;
}

const names = (count: number) => Array.from({ length: count }, (_, number) => `node-${number + 1}`);
const clustered = (count: number): Setting => ({
  name: `cluster of ${count}`,
  options: { nodes: names(count), cluster: { lease_secs: 30, shared_workdirs: true } },
});
const ALONE = { name: "one gateway, SQLite", options: { nodes: names(1), cluster: null, sqlite: true } };
const SETTINGS: readonly Setting[] = [
  ALONE,
  { name: "one gateway, PostgreSQL", options: { nodes: names(1), cluster: null } },
  ...[1, 2, 4].filter((count) => count <= most).map(clustered),
];

const measured = new Map<string, Measured[]>(SETTINGS.map(({ name }) => [name, []]));
for (let round = 0; round < rounds; round++)
  for (const setting of SETTINGS) measured.get(setting.name)?.push(await measure(setting));

const rows = SETTINGS.map(({ name }) => rowOf(name));
if (asJson) print(JSON.stringify({ machine: MACHINE, clients: CLIENTS, secs, rounds, rows }, null, 2));
else {
  print(`\n${MACHINE}; ${CLIENTS} clients, ${rounds} rounds of ${secs} s each, medians\n`);
  print(
    "| | turns a second | of SQLite's in its round | ms of processor time a turn: gateways | PostgreSQL | clients | transactions a turn | processors: these processes | all | refused |\n|---|---|---|---|---|---|---|---|---|---|",
  );
  for (const row of rows) {
    const { perSecond, ofSqlite, gatewaysMs, postgresMs, clientsMs, transactions, ownShare, busyShare } = row;
    const times = [gatewaysMs, postgresMs, clientsMs, transactions].map((figure) => figure.toFixed(2));
    const shares = [ownShare, busyShare].map((share) => `${(share * 100).toFixed(0)} %`);
    print(
      `| ${[row.name, perSecond.toFixed(0), ofSqlite.toFixed(2), ...times, ...shares, row.refused].join(" | ")} |`,
    );
  }
}

function rowOf(name: string) {
  const own = measured.get(name) ?? [];
  const alone = measured.get(ALONE.name) ?? [];
  const of = (figure: keyof Measured) => median(own.map((one) => one[figure]));
  return {
    name,
    perSecond: of("perSecond"),
    ofSqlite: median(own.map(({ perSecond }, round) => perSecond / (alone[round]?.perSecond ?? Number.NaN))),
    gatewaysMs: of("gatewaysMs"),
    postgresMs: of("postgresMs"),
    clientsMs: of("clientsMs"),
    transactions: of("transactions"),
    ownShare: of("ownShare"),
    busyShare: of("busyShare"),
    refused: own.reduce((sum, { refused }) => sum + refused, 0),
  };
}

async function measure({ options }: Setting): Promise<Measured> {
  const cluster = await Cluster.start({ ...options, config: { engine: { max_running: 64 } } });
  try {
    const load = new Load(cluster.nodes, {
      clients: CLIENTS,
      sessions: CLIENTS * 4,
      ms: 0,
      random: new Random(1),
    });
    await load.start();
    while (load.history.acknowledged.length < WARM_TURNS) await new Promise((over) => setTimeout(over, 50));
    const before = await readingOf(cluster, load);
    await new Promise((over) => setTimeout(over, secs * 1000));
    const after = await readingOf(cluster, load);
    await load.stop();
    const turns = after.turns - before.turns;
    const spent = (of: keyof typeof after) => after[of] - before[of];
    const own = spent("gatewaysMs") + spent("postgresMs") + spent("clientsMs");
    return {
      perSecond: turns / (spent("at") / 1000),
      gatewaysMs: spent("gatewaysMs") / turns,
      postgresMs: spent("postgresMs") / turns,
      clientsMs: spent("clientsMs") / turns,
      transactions: spent("transactions") / turns,
      ownShare: own / (spent("at") * cpus().length),
      busyShare: spent("busyMs") / (spent("busyMs") + spent("idleMs")),
      refused: Object.values(load.history.refused).reduce((sum, count) => sum + count, 0),
    };
  } finally {
    await cluster.dispose();
  }
}

async function readingOf(cluster: Cluster, { history }: Load) {
  const sum = (figures: readonly number[]) => figures.reduce((all, one) => all + one, 0);
  const postgres = timesOf(cluster.postgres.pid);
  const { user, system } = process.cpuUsage();
  const all = cpus().map(({ times }) => times);
  return {
    at: performance.now(),
    turns: history.acknowledged.length,
    gatewaysMs: sum(cluster.nodes.map(({ pid }) => timesOf(pid).gatewayMs)),
    postgresMs: postgres.gatewayMs + postgres.cliMs,
    clientsMs: (user + system) / 1000,
    transactions: await cluster.transactions(),
    busyMs: sum(all.map(({ user: ofUser, nice, sys, irq }) => ofUser + nice + sys + irq)),
    idleMs: sum(all.map(({ idle }) => idle)),
  };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
