import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MACHINE } from "./machine.js";
import { median } from "./median.js";
import { fire, type Round, type Served, type Shot, serve, stop } from "./requests/load.js";
import { BARE, GATEWAY } from "./requests/rungs.js";

/*
 * Plain requests to the gateway and to bare Koa, which gives the same answers without checking anything, each in a process
 * of its own, in alternating rounds of a second. `npm run bench -- plain [rounds]`
 */

const ROUNDS = Number(process.argv[2] ?? 5);

interface Plain {
  readonly what: string;
  /** The least part of bare Koa's requests per second. */
  readonly goal: number;
  readonly shot: (served: Served) => Shot;
}

const KEYED = (secret: string) => ({ authorization: `Bearer ${secret}` });
const JSON_BODY = { "content-type": "application/json" };

const PLAIN: readonly Plain[] = [
  {
    what: "`GET /health`",
    goal: 0.9,
    shot: () => ({ method: "GET", path: "/health", headers: {}, status: 200 }),
  },
  {
    what: "401, no key",
    goal: 0.75,
    shot: () => ({ method: "GET", path: "/sessions", headers: {}, status: 401 }),
  },
  {
    what: "401, wrong key",
    goal: 0.75,
    shot: () => ({
      method: "GET",
      path: "/sessions",
      headers: KEYED("sk-wrong-0123456789abcdef"),
      status: 401,
    }),
  },
  {
    what: "`GET /session/:id`",
    goal: 0.75,
    shot: ({ secret, session }) => ({
      method: "GET",
      path: `/session/${session}`,
      headers: KEYED(secret),
      status: 200,
    }),
  },
  {
    what: "400, a field is missing",
    goal: 0.5,
    shot: ({ secret }) => ({
      method: "POST",
      path: "/task",
      headers: { ...KEYED(secret), ...JSON_BODY },
      body: JSON.stringify({ model: "haiku" }),
      status: 400,
    }),
  },
];

interface Measured {
  readonly what: string;
  readonly goal: number;
  readonly gateway: Round;
  readonly koa: Round;
  /** The median of the rounds' ratios of requests per second. */
  readonly perSecond: number;
  /** The ratio of the least processor times, which other work on the machine hardly changes. */
  readonly perCpu: number;
}

const folder = mkdtempSync(join(tmpdir(), "claudeway-bench-"));
const [gateway, koa] = [await serve(GATEWAY, folder), await serve(BARE, folder)];
const rows: Measured[] = [];
try {
  for (const plain of PLAIN) rows.push(await measure(plain));
} finally {
  for (const one of [gateway, koa]) await stop(one);
  rmSync(folder, { recursive: true, force: true });
}
report();

async function measure({ what, goal, shot }: Plain): Promise<Measured> {
  const pairs: { readonly gateway: Round; readonly koa: Round }[] = [];
  // The first round warms the compiler up and is thrown away.
  for (let round = 0; round <= ROUNDS; round++) {
    const pair = { koa: await fire(koa, shot(koa)), gateway: await fire(gateway, shot(gateway)) };
    if (round > 0) pairs.push(pair);
    process.stderr.write(".");
  }
  const middle = (pick: (pair: (typeof pairs)[number]) => number) => median(pairs.map(pick));
  const least = (pick: (pair: (typeof pairs)[number]) => number) => Math.min(...pairs.map(pick));
  const roundOf = (side: "gateway" | "koa"): Round => ({
    cpuUs: least((pair) => pair[side].cpuUs),
    requestsPerSec: middle((pair) => pair[side].requestsPerSec),
  });
  const [ours, bare] = [roundOf("gateway"), roundOf("koa")];
  return {
    what,
    goal,
    gateway: ours,
    koa: bare,
    perSecond: middle((pair) => pair.gateway.requestsPerSec / pair.koa.requestsPerSec),
    perCpu: bare.cpuUs / ours.cpuUs,
  };
}

function report(): void {
  print(
    `\n${MACHINE}; ${ROUNDS} alternating rounds; medians of requests per second, least processor times\n`,
  );
  print(
    "| | gateway, requests/s | bare Koa | ratio | goal | gateway, µs of processor time | bare Koa | ratio |\n|---|---|---|---|---|---|---|---|",
  );
  for (const { what, goal, gateway: ours, koa: bare, perSecond, perCpu } of rows) {
    const speed = `${ours.requestsPerSec.toFixed(0)} | ${bare.requestsPerSec.toFixed(0)} | ${perSecond.toFixed(2)}`;
    const cpu = `${ours.cpuUs.toFixed(1)} | ${bare.cpuUs.toFixed(1)} | ${perCpu.toFixed(2)}`;
    print(`| ${what} | ${speed} | ≥ ${goal} | ${cpu} |`);
  }
  const file = process.env["BENCH_JSON"];
  if (file !== undefined)
    writeFileSync(file, JSON.stringify({ machine: MACHINE, rounds: ROUNDS, rows }, null, 2));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
