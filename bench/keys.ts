import { writeFileSync } from "node:fs";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { pino } from "pino";
import { KeyDirectory } from "#plugins/keys/directory.js";
import { MACHINE } from "./machine.js";
import { median } from "./median.js";

/*
 * What it costs to authenticate a request with the plugin keys, with 1 key and with 10,000: in a bare loop, and in whole
 * requests, in processor time of the process with its client in it. Each request has another secret. The gateways alternate
 * within each round. `npm run bench -- keys [rounds]`
 */

const ROUNDS = Number(process.argv[2] ?? 40);
const COUNTS = [1, 10_000];
/** Requests of one measurement, and calls of one in the bare loop. */
const REQUESTS = 100;
const CALLS = 10_000;
/** Keys that are made at once while a gateway is filled. */
const AT_ONCE = 50;
const UNKNOWN = asSent(Array.from({ length: 100 }, (_, n) => `ck-${String(n).padStart(64, "0")}`));

interface Row {
  readonly what: string;
  /** µs of processor time, by number of keys: medians. */
  readonly us: readonly number[];
  /** The median of the rounds' ratios. */
  readonly ratio: number;
}

const rows: Row[] = [...(await loops()), ...(await requests())];
report();

/** The authentication alone. */
async function loops(): Promise<Row[]> {
  const stores = await Promise.all(COUNTS.map(filledDirectory));
  const of = (what: string, secretsOf: (index: number) => readonly string[], known: boolean) =>
    compared(what, async (index) => {
      const { directory } = at(stores, index);
      const secrets = secretsOf(index);
      return cpuUs(CALLS, async () => {
        for (let call = 0; call < CALLS; call++) {
          const answer = directory.authenticate(at(secrets, call % secrets.length));
          if ((answer !== undefined) !== known) throw new Error("a wrong answer");
        }
      });
    });
  return [
    await of("bare loop: the secret of a key", (index) => at(stores, index).secrets, true),
    await of("bare loop: an unknown secret", () => UNKNOWN, false),
  ];
}

/** A directory whose store keeps nothing. */
async function filledDirectory(count: number) {
  const directory = await KeyDirectory.load({
    store: {
      list: async () => ({ entries: [], next: undefined }),
      write: async () => ({ ok: true, versions: [1] }),
    },
    log: pino({ level: "silent" }),
    maxKeys: count,
    configured: new Set(),
  });
  const secrets: string[] = [];
  for (let n = 0; n < count; n++) secrets.push((await directory.create({ name: "bench" }, "admin")).secret);
  return { directory, secrets: asSent(secrets) };
}

/** Whole requests. */
async function requests(): Promise<Row[]> {
  const gateways = await Promise.all(
    COUNTS.map(() => createTestGateway({ plugins: ["keys"], checkLeaks: false })),
  );
  try {
    const secrets: (readonly string[])[] = [];
    for (const [index, count] of COUNTS.entries())
      secrets.push(asSent(await fill(at(gateways, index), count)));
    const of = (what: string, secretsOf: (index: number) => readonly string[], status: number) =>
      compared(what, (index) => {
        const gateway = at(gateways, index);
        const used = secretsOf(index);
        let next = 0;
        return cpuUs(REQUESTS, async () => {
          for (let request = 0; request < REQUESTS; request++) {
            const headers = { authorization: `Bearer ${at(used, next++ % used.length)}` };
            const response = await gateway.fetch("/turns/none", { key: null, headers });
            await response.arrayBuffer();
            if (response.status !== status) throw new Error(`${what}: ${response.status}`);
          }
        });
      });
    const configured = (index: number) => [at(gateways, index).keys["user"] ?? ""];
    return [
      await of("request: the secret of a key", (index) => at(secrets, index), 404),
      await of("request: an unknown secret, 401", () => UNKNOWN, 401),
      await of("request: a configured key", configured, 404),
    ];
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.close()));
  }
}

async function fill(gateway: TestGateway, count: number): Promise<string[]> {
  const secrets: string[] = [];
  while (secrets.length < count) {
    const made = Array.from({ length: Math.min(AT_ONCE, count - secrets.length) }, async () => {
      const response = await gateway.fetch("/admin/keys", { body: { name: "bench" } });
      return String(Object(await response.json()).secret);
    });
    secrets.push(...(await Promise.all(made)));
  }
  process.stderr.write(`${count} keys\n`);
  return secrets;
}

async function compared(what: string, measure: (index: number) => Promise<number>): Promise<Row> {
  const samples: number[][] = [];
  // The first rounds warm the compiler up and are thrown away.
  for (let round = -5; round < ROUNDS; round++) {
    const sample: number[] = [];
    for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) sample[index] = await measure(index);
    if (round >= 0) samples.push(sample);
  }
  const us = COUNTS.map((_, index) => median(samples.map((sample) => at(sample, index))));
  return { what, us, ratio: median(samples.map(([one = 1, many = 1]) => many / one)) };
}

/** µs of processor time for one of `count` calls. */
async function cpuUs(count: number, run: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

/** As many requests' secrets with one key as with many, each a text of its own as from a socket, in random order. */
function asSent(secrets: readonly string[]): readonly string[] {
  return Array.from({ length: 10_000 }, (_, n) => Buffer.from(at(secrets, n % secrets.length)).toString())
    .map((secret) => ({ secret, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ secret }) => secret);
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new Error(`there is no item ${index}`);
  return item;
}

function report(): void {
  const lines = [
    `\n${MACHINE}; ${ROUNDS} alternating rounds; µs of processor time, medians\n`,
    "| | 1 key | 10,000 keys | ratio |\n|---|---|---|---|",
    ...rows.map(
      ({ what, us, ratio }) =>
        `| ${what} | ${us.map((one) => one.toFixed(2)).join(" | ")} | ${ratio.toFixed(2)} |`,
    ),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  const file = process.env["BENCH_JSON"];
  if (file !== undefined)
    writeFileSync(file, JSON.stringify({ machine: MACHINE, rounds: ROUNDS, rows }, null, 2));
}
