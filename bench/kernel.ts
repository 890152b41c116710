import { writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { definePlugin, type Plugin } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { type HookCost, hookCosts } from "./hooks.js";
import { MACHINE } from "./machine.js";
import { median, medianWithin } from "./median.js";

/*
 * What plugins cost by being there: gateways with 0, 1, 5 and 20 plugins that tap every hook and do nothing, on the
 * scripted engine. Each has one more that lets tool calls run, so that all of them ask: the cost of asking is not the
 * kernel's. Measured is the processor time of the whole process, the test's client in it, which is the same for
 * all of them: the difference to the gateway without plugins is what the kernel adds.
 *
 * That difference is a few hundredths of a turn's time, so: the gateways alternate within each round, in changing order,
 * and are compared round by round; each begins with an empty nursery, so that none pays for another's garbage;
 * the median counts, and how far it can be trusted is printed beside it. The same taps in a bare loop, at the end, leave
 * all of the noise out.
 * `npm run bench -- kernel [rounds]`
 */

const ROUNDS = Number(process.argv[2] ?? 250);
const COUNTS = [0, 1, 5, 20];
/** Turns, and requests, of one measurement. */
const BATCH = 6;
const WORDS = 20;
const GOAL_MS = 0.5;

interface Added {
  /** Milliseconds of processor time; with 95 % certainty the true median lies between `from` and `to`. */
  readonly median: number;
  readonly from: number;
  readonly to: number;
}

interface Row {
  readonly plugins: number;
  /** Milliseconds of processor time, medians. */
  readonly turnMs: number;
  readonly turnAdded: Added;
  readonly requestMs: number;
  readonly requestAdded: Added;
}

interface Sample {
  readonly turnMs: number;
  readonly requestMs: number;
}

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const gateways = await Promise.all(COUNTS.map(open));
try {
  for (const gateway of gateways) for (let warm = 0; warm < 5; warm++) await measure(gateway);
  const rounds: Sample[][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const samples: Sample[] = [];
    for (const index of COUNTS.keys()) {
      const at = (index + round) % COUNTS.length;
      const gateway = gateways[at];
      if (gateway !== undefined) samples[at] = await measure(gateway);
    }
    rounds.push(samples);
  }
  const rows = COUNTS.map((plugins, index) => rowOf(plugins, index, rounds));
  report(rows, await hookCosts(COUNTS.at(-1) ?? 0));
} finally {
  for (const gateway of gateways) await gateway.close();
}

function open(count: number): Promise<TestGateway> {
  return createTestGateway({
    checkLeaks: false,
    config: { log_level: "warn" },
    plugins: [...Array.from({ length: count }, (_, index) => tapsAll(index)), allows()],
    replies: function* () {
      yield { tool: "Read", input: { file_path: "a.txt" } };
      yield "word ".repeat(WORDS);
    },
  });
}

function allows(): Plugin<object> {
  return definePlugin<object>({
    name: "allows",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply({ hooks }) {
      hooks.approve.tap("all", () => ({ verdict: "allow" }));
    },
  });
}

/** Taps every hook. */
function tapsAll(index: number): Plugin<object> {
  return definePlugin<object>({
    name: `taps_all_${index}`,
    apiVersion: 1,
    configSchema: { type: "object", additionalProperties: false },
    apply({ hooks }) {
      hooks.request.tap("pass", () => undefined);
      hooks.beforeExecute.tap("same", (plan) => plan);
      hooks.spawn.tap("same", (plan) => plan);
      hooks.approve.tap("pass", () => undefined);
      hooks.approvalRequested.tap("hear", () => {});
      hooks.approvalDecided.tap("hear", () => {});
      hooks.event.tap("hear", () => {});
      hooks.afterExecute.tap("hear", () => {});
      hooks.requestCompleted.tap("hear", () => {});
      hooks.listening.tap("hear", () => {});
      hooks.publicUrl.tap("hear", () => {});
      hooks.sessionStart.tap("hear", () => {});
      hooks.sessionEnd.tap("hear", () => {});
      hooks.closing.tap("hear", () => {});
    },
  });
}

async function measure(gateway: TestGateway): Promise<Sample> {
  return {
    turnMs: await cpuMs(() => gateway.turn("hello")),
    requestMs: await cpuMs(async () => (await gateway.fetch("/sessions")).arrayBuffer()),
  };
}

/** Milliseconds of processor time per item of a batch. */
async function cpuMs(work: () => Promise<unknown>): Promise<number> {
  collectGarbage();
  const before = process.cpuUsage();
  for (let n = 0; n < BATCH; n++) await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / BATCH;
}

function rowOf(plugins: number, index: number, rounds: readonly (readonly Sample[])[]): Row {
  const at = (samples: readonly Sample[], key: keyof Sample, which = index) =>
    samples[which]?.[key] ?? Number.NaN;
  const of = (key: keyof Sample) => median(rounds.map((samples) => at(samples, key)));
  const added = (key: keyof Sample) =>
    medianWithin(rounds.map((samples) => at(samples, key) - at(samples, key, 0)));
  return {
    plugins,
    turnMs: of("turnMs"),
    turnAdded: added("turnMs"),
    requestMs: of("requestMs"),
    requestAdded: added("requestMs"),
  };
}

function report(rows: readonly Row[], hooks: readonly HookCost[]): void {
  const ms = (value: number) => value.toFixed(3);
  const added = ({ median, from, to }: Added) => `${ms(median)} | ${ms(from)} to ${ms(to)}`;
  process.stdout.write(
    [
      `${MACHINE}; ${ROUNDS} rounds of ${BATCH}, a turn of ${WORDS} words and one tool call; goal for 20 plugins: ≤ ${GOAL_MS} ms a turn`,
      "",
      "| plugins | a turn, ms | added | 95 % | a request, ms | added | 95 % |",
      "|---|---|---|---|---|---|---|",
      ...rows.map(
        (row) =>
          `| ${row.plugins} | ${ms(row.turnMs)} | ${added(row.turnAdded)} | ${ms(row.requestMs)} | ${added(row.requestAdded)} |`,
      ),
      "",
      "| the hook alone, µs a call | 1 plugin | 20 | 20 with asynchronous taps |",
      "|---|---|---|---|",
      ...hooks.map(
        ({ hook, one, all, allAsync }) =>
          `| \`${hook}\` | ${one.toFixed(2)} | ${all.toFixed(2)} | ${allAsync.toFixed(2)} |`,
      ),
      "",
    ].join("\n"),
  );
  const file = process.env["BENCH_JSON"];
  const figures = {
    machine: MACHINE,
    rounds: ROUNDS,
    batch: BATCH,
    words: WORDS,
    goalMs: GOAL_MS,
    rows,
    hooks,
  };
  if (file !== undefined) writeFileSync(file, JSON.stringify(figures, null, 2));
}
