import { Cluster, type ClusterOptions } from "../test/cluster/cluster.js";
import { Load } from "../test/cluster/load.js";
import { Random } from "../test/cluster/random.js";
import { timesOf } from "./load/times.js";
import { MACHINE } from "./machine.js";

/*
 * Turns a second of one gateway on SQLite, of one on PostgreSQL, and of clusters, with the scripted engine, whose turns do
 * nothing. Prompts go to a random node each. `npm run bench -- cluster [seconds] [nodes]`; PostgreSQL does not wait for the
 * disk here, like SQLite.
 */

const [secs = 10, most = 4] = process.argv.slice(2).map(Number);
const CLIENTS = 32;
const WARM_TURNS = 100;

interface Setting {
  readonly name: string;
  readonly options: ClusterOptions;
}

const names = (count: number) => Array.from({ length: count }, (_, number) => `node-${number + 1}`);
const clustered = (count: number): Setting => ({
  name: `cluster of ${count}`,
  options: { nodes: names(count), cluster: { lease_secs: 30, shared_workdirs: true } },
});
const SETTINGS: readonly Setting[] = [
  { name: "one gateway, SQLite", options: { nodes: names(1), cluster: null, sqlite: true } },
  { name: "one gateway, PostgreSQL", options: { nodes: names(1), cluster: null } },
  ...[1, 2, 4].filter((count) => count <= most).map(clustered),
];

print(`\n${MACHINE}; ${CLIENTS} clients, ${secs} s each\n`);
print(
  "| | turns a second | ms of processor time a turn: gateways | PostgreSQL | clients | transactions a turn |\n|---|---|---|---|---|---|",
);
for (const setting of SETTINGS) print(await measure(setting));

async function measure({ name, options }: Setting): Promise<string> {
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
    const each = (of: keyof typeof after) => ((after[of] - before[of]) / turns).toFixed(2);
    const perSec = (turns / ((after.at - before.at) / 1000)).toFixed(0);
    const figures = [perSec, each("gatewaysMs"), each("postgresMs"), each("clientsMs"), each("transactions")];
    const refused = Object.entries(load.history.refused).map(([why, count]) => `${count} × ${why}`);
    return `| ${[name, ...figures].join(" | ")} |${refused.length === 0 ? "" : ` refused: ${refused.join(", ")}`}`;
  } finally {
    await cluster.dispose();
  }
}

async function readingOf(cluster: Cluster, { history }: Load) {
  const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);
  const postgres = timesOf(cluster.postgres.pid);
  const { user, system } = process.cpuUsage();
  return {
    at: performance.now(),
    turns: history.acknowledged.length,
    gatewaysMs: sum(cluster.nodes.map(({ pid }) => timesOf(pid).gatewayMs)),
    postgresMs: postgres.gatewayMs + postgres.cliMs,
    clientsMs: (user + system) / 1000,
    transactions: await cluster.transactions(),
  };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
