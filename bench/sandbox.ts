import { TestGateway } from "../test/e2e/gateway.js";
import { lifetimeMs, ownMs } from "./cost/processor.js";
import { MACHINE } from "./machine.js";
import { median, medianWithin } from "./median.js";

/*
 * What the sandbox adds to the first turn of a session, whose CLI is started for it, and to a later turn on the live
 * process: elapsed time, and processor time of the gateway, the CLI and all that runs for it. The gateways take turns in
 * each round, and are compared within it: other work on the machine comes and goes. The model is a script on loopback that
 * answers at once. `npm run bench -- sandbox [rounds]`
 */

const ROUNDS = Number(process.argv[2] ?? 15);
/** Later turns in each round. */
const LATER = 10;
const ENGINE = '[engine]\nspares = 0\nconfig_dirs = "per_key"\n';
const WAYS = {
  "without a sandbox": ENGINE,
  "sandbox, network of the machine": `${ENGINE}[plugins.sandbox]\nenabled = true\n`,
  "sandbox, network by the proxy": `${ENGINE}[plugins.sandbox]\nenabled = true\nnetwork = "proxy"\n`,
};

/** Of one turn, in ms. */
interface Cost {
  readonly elapsed: number;
  /** Of the gateway, the CLI and all that runs for it. */
  readonly processor: number;
  /** Of the gateway alone, which measures its sandboxes too. */
  readonly gateway: number;
}

interface Way {
  readonly what: string;
  readonly gateway: TestGateway;
  /** By round. */
  readonly first: Cost[];
  /** The mean of the round's later turns. */
  readonly later: Cost[];
}

const ways: Way[] = [];
try {
  for (const [what, config] of Object.entries(WAYS)) {
    // Root outside is another user in the sandbox: in all of them, the CLI runs every call.
    const gateway = await TestGateway.start({ config, env: { IS_SANDBOX: "1" } });
    ways.push({ what, gateway, first: [], later: [] });
  }
  for (let round = 0; round <= ROUNDS; round++) {
    // Each goes first as often as the others.
    for (const way of [...ways.slice(round % ways.length), ...ways.slice(0, round % ways.length)])
      await run(way, round > 0);
  }
  process.stdout.write(`${MACHINE}, ${ROUNDS} rounds; medians, with the ratios to the same round without\n`);
  for (const kind of ["first", "later"] as const)
    for (const measure of ["elapsed", "processor", "gateway"] as const) report(kind, measure);
} finally {
  for (const { gateway } of ways) await gateway.dispose();
}

/** One session: its first turn and its later ones. The first round, which warms up the caches of files, does not count. */
async function run({ gateway, first, later }: Way, counts: boolean): Promise<void> {
  const { body } = await gateway.request("/session/start", { body: {} });
  const path = `/session/${body["session_id"]}`;
  const before = await spent(gateway);
  const elapsed = await turns(gateway, path, 1);
  const started = await spent(gateway);
  const live = (await turns(gateway, path, LATER)) / LATER;
  const ended = await spent(gateway);
  await gateway.fetch(path, { method: "DELETE" });
  if (!counts) return;
  first.push({ elapsed, ...between(before, started, 1) });
  later.push({ elapsed: live, ...between(started, ended, LATER) });
}

type Processor = Pick<Cost, "processor" | "gateway">;

/** Processor time so far of the gateway, and of all with what runs for it, in ms. */
async function spent(gateway: TestGateway): Promise<Processor> {
  const own = ownMs(gateway.pid);
  const pids = [gateway.pid, ...(await gateway.children())];
  return { processor: pids.map(lifetimeMs).reduce((sum, ms) => sum + ms, 0), gateway: own };
}

/** Of one of so many turns. */
function between(from: Processor, to: Processor, count: number): Processor {
  return { processor: (to.processor - from.processor) / count, gateway: (to.gateway - from.gateway) / count };
}

/** Resolves to how long the turns took, in ms. */
async function turns(gateway: TestGateway, path: string, count: number): Promise<number> {
  const start = performance.now();
  for (let turn = 0; turn < count; turn++) {
    const { body } = await gateway.request(path, { body: { prompt: "[[words 20]]" } });
    if (body["success"] !== true) throw new Error(JSON.stringify(body));
  }
  return performance.now() - start;
}

function report(kind: "first" | "later", measure: keyof Cost): void {
  const [base] = ways;
  for (const { what, [kind]: costs } of ways) {
    const values = costs.map((cost) => cost[measure]);
    const ratios = values.map((value, round) => value / (base?.[kind][round]?.[measure] ?? Number.NaN));
    const { median: ratio, from, to } = medianWithin(ratios);
    const within = `${ratio.toFixed(2)} (${from.toFixed(2)} to ${to.toFixed(2)})`;
    process.stdout.write(
      `${`${kind} turn, ${measure}`.padEnd(24)} ${what.padEnd(34)} ${median(values).toFixed(0).padStart(6)} ms   ${within}\n`,
    );
  }
}
