import { writeFileSync } from "node:fs";
import { definePlugin, type Plugin } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/core/testing";
import { MACHINE } from "./machine.js";
import { median } from "./median.js";

/*
 * What plugins cost by being there: gateways with 0, 1, 5 and 20 plugins that tap every hook and do nothing, on the
 * scripted engine, asked in turn. Measured is the processor time of the whole process, the test's client in it, which is
 * the same for all of them: the difference to the gateway without plugins is what the kernel adds.
 * `npm run bench -- kernel [rounds]`
 */

const ROUNDS = Number(process.argv[2] ?? 40);
const COUNTS = [0, 1, 5, 20];
/** Turns, and requests, of one measurement. */
const BATCH = 10;
const WORDS = 20;
const GOAL_MS = 0.5;

interface Row {
  readonly plugins: number;
  /** Milliseconds of processor time, medians. */
  readonly turnMs: number;
  readonly turnAddedMs: number;
  readonly requestMs: number;
  readonly requestAddedMs: number;
}

interface Sample {
  readonly turnMs: number;
  readonly requestMs: number;
}

const gateways = await Promise.all(COUNTS.map(open));
try {
  for (const gateway of gateways) await measure(gateway);
  const rounds: Sample[][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const samples: Sample[] = [];
    // The order changes, so that nobody always comes after the one who leaves the most garbage.
    for (const index of COUNTS.keys()) {
      const at = (index + round) % COUNTS.length;
      const gateway = gateways[at];
      if (gateway !== undefined) samples[at] = await measure(gateway);
    }
    rounds.push(samples);
  }
  report(COUNTS.map((plugins, index) => rowOf(plugins, index, rounds)));
} finally {
  for (const gateway of gateways) await gateway.close();
}

function open(count: number): Promise<TestGateway> {
  return createTestGateway({
    checkLeaks: false,
    config: { log_level: "warn" },
    plugins: Array.from({ length: count }, (_, index) => tapsAll(index, index === count - 1)),
    replies: function* () {
      yield { tool: "Read", input: { file_path: "a.txt" } };
      yield "word ".repeat(WORDS);
    },
  });
}

/** Taps every hook; the last of them has an answer for tool calls. */
function tapsAll(index: number, answers: boolean): Plugin<object> {
  return definePlugin<object>({
    name: `taps_all_${index}`,
    apiVersion: 1,
    configSchema: { type: "object", additionalProperties: false },
    apply({ hooks }) {
      hooks.request.tap("pass", () => undefined);
      hooks.beforeExecute.tap("same", (plan) => plan);
      hooks.spawn.tap("same", (plan) => plan);
      hooks.approve.tap("allow", () => (answers ? { verdict: "allow" } : undefined));
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

/** Milliseconds of processor time that one of a batch takes. */
async function cpuMs(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  for (let n = 0; n < BATCH; n++) await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / BATCH;
}

function rowOf(plugins: number, index: number, rounds: readonly (readonly Sample[])[]): Row {
  const of = (key: keyof Sample) => median(rounds.map((samples) => samples[index]?.[key] ?? Number.NaN));
  const added = (key: keyof Sample) =>
    median(
      rounds.map((samples) => (samples[index]?.[key] ?? Number.NaN) - (samples[0]?.[key] ?? Number.NaN)),
    );
  return {
    plugins,
    turnMs: of("turnMs"),
    turnAddedMs: added("turnMs"),
    requestMs: of("requestMs"),
    requestAddedMs: added("requestMs"),
  };
}

function report(rows: readonly Row[]): void {
  const ms = (value: number) => value.toFixed(3);
  const lines = rows.map(
    (row) =>
      `| ${row.plugins} | ${ms(row.turnMs)} | ${ms(row.turnAddedMs)} | ${ms(row.requestMs)} | ${ms(row.requestAddedMs)} |`,
  );
  process.stdout.write(
    [
      `${MACHINE}; ${ROUNDS} rounds of ${BATCH}, a turn of ${WORDS} words and one tool call; goal for 20 plugins: ≤ ${GOAL_MS} ms a turn`,
      "",
      "| plugins | a turn, ms | added | a request, ms | added |",
      "|---|---|---|---|---|",
      ...lines,
      "",
    ].join("\n"),
  );
  const file = process.env["BENCH_JSON"];
  const figures = { machine: MACHINE, rounds: ROUNDS, batch: BATCH, words: WORDS, goalMs: GOAL_MS, rows };
  if (file !== undefined) writeFileSync(file, JSON.stringify(figures, null, 2));
}
