import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { findClaude } from "../core/dist/engine/executable.js";
import { cliEnvironment, TestGateway } from "../test/e2e/gateway.js";

/*
 * The gateway against the CLI started by hand, in the same run, in alternating pairs. The model is a script on loopback
 * that answers at once, so what is measured is what lies around it. `npm run bench -- turns [pairs]`
 */

const PAIRS = Number(process.argv[2] ?? 20);
const AT_ONCE = 24;
const PROMPT = "[[words 20]]";

interface Row {
  readonly what: string;
  /** Milliseconds, medians. */
  readonly gatewayMs: number;
  readonly cliMs: number;
  /** The median of the pairs' ratios. */
  readonly ratio: number;
  readonly goal: string;
}

const gateway = await TestGateway.start({
  config: `[engine]\nmax_running = ${AT_ONCE}\nmax_processes = ${2 * AT_ONCE}\n`,
});
const cli = findClaude(undefined).path;
const cliEnv = { ...process.env, ...cliEnvironment(gateway.model, gateway.dir) };
const folder = join(gateway.dir, "by-hand");
mkdirSync(folder);

try {
  const rows = [await laterTurn(), await oneShot(), await sessionsAtOnce(), ...(await tasksAtOnce())];
  report(rows);
} finally {
  await gateway.dispose();
}

/** A later turn of a session against `claude -p --resume`. */
async function laterTurn(): Promise<Row> {
  const session = await startSession();
  const byHand = randomUUID();
  await runCli(["--session-id", byHand]);
  const pairs = await alternate(
    () => post(`/session/${session}`),
    () => runCli(["--resume", byHand]),
  );
  return row("a later turn of a session / claude -p --resume", pairs, "≤ 1/8");
}

/** A one-shot task, with a process started ahead, against `claude -p`. */
async function oneShot(): Promise<Row> {
  await post("/task");
  const pairs = await alternate(
    () => post("/task"),
    () => runCli([]),
    () => spareReady(),
  );
  return row("a one-shot task with a spare ready / claude -p", pairs, "≤ 1/2.2");
}

/** 24 live sessions, a turn each at once, against 24 × `claude -p --resume` at once. */
async function sessionsAtOnce(): Promise<Row> {
  const sessions = await Promise.all(Array.from({ length: AT_ONCE }, () => startSession()));
  const byHand = Array.from({ length: AT_ONCE }, () => randomUUID());
  await Promise.all(byHand.map((id) => runCli(["--session-id", id])));
  const gatewayMs = await timed(() => Promise.all(sessions.map((id) => post(`/session/${id}`))));
  const cliMs = await timed(() => Promise.all(byHand.map((id) => runCli(["--resume", id]))));
  await Promise.all(sessions.map((id) => gateway.request(`/session/${id}`, { method: "DELETE" })));
  return row(
    `${AT_ONCE} live sessions at once / ${AT_ONCE} × claude -p --resume`,
    [{ gatewayMs, cliMs }],
    "≤ 1/12",
  );
}

/** 24 one-shot tasks at once through the queue against 24 × `claude -p` at once. */
async function tasksAtOnce(): Promise<Row[]> {
  const queued = await TestGateway.start({
    config: `[engine]\nmax_running = ${2 * availableParallelism()}\n`,
  });
  try {
    const ours: number[] = [];
    const theirs: number[] = [];
    const start = performance.now();
    const run = async (times: number[], from: number, one: () => Promise<unknown>) => {
      await one();
      times.push(performance.now() - from);
    };
    await Promise.all(
      Array.from({ length: AT_ONCE }, () =>
        run(ours, start, () => queued.request("/task", { body: { prompt: PROMPT } })),
      ),
    );
    const from = performance.now();
    await Promise.all(Array.from({ length: AT_ONCE }, () => run(theirs, from, () => runCli([]))));
    const mean = (times: number[]) => times.reduce((sum, ms) => sum + ms, 0) / times.length;
    return [
      row(
        `${AT_ONCE} tasks at once / ${AT_ONCE} × claude -p: mean`,
        [{ gatewayMs: mean(ours), cliMs: mean(theirs) }],
        "≤ 0.7",
      ),
      row(`the same: the last one`, [{ gatewayMs: Math.max(...ours), cliMs: Math.max(...theirs) }], "≤ 1.05"),
    ];
  } finally {
    await queued.dispose();
  }
}

interface Pair {
  readonly gatewayMs: number;
  readonly cliMs: number;
}

async function alternate(
  ours: () => Promise<unknown>,
  theirs: () => Promise<unknown>,
  before: () => Promise<void> = async () => undefined,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    await before();
    const gatewayMs = await timed(ours);
    pairs.push({ gatewayMs, cliMs: await timed(theirs) });
    process.stderr.write(".");
  }
  process.stderr.write("\n");
  return pairs;
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

async function startSession(): Promise<string> {
  const { body } = await gateway.request<{ session_id: string }>("/session/start", { method: "POST" });
  await post(`/session/${body.session_id}`);
  return body.session_id;
}

async function post(path: string): Promise<void> {
  const { status, body } = await gateway.request(path, { body: { prompt: PROMPT } });
  if (status !== 200 || body["success"] !== true)
    throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
}

/** A spare is made when the gateway has been quiet for a moment. */
async function spareReady(): Promise<void> {
  const deadline = Date.now() + 20_000;
  while ((await gateway.children()).length < 2 && Date.now() < deadline) await pause(50);
  await pause(700);
}

async function runCli(args: readonly string[]): Promise<void> {
  const child = spawn(cli, ["-p", "--output-format", "json", "--model", "sonnet", ...args], {
    cwd: folder,
    env: cliEnv,
    stdio: ["pipe", "ignore", "inherit"],
  });
  child.stdin.end(PROMPT);
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`claude ended with ${code}`);
}

function row(what: string, pairs: readonly Pair[], goal: string): Row {
  return {
    what,
    gatewayMs: median(pairs.map(({ gatewayMs }) => gatewayMs)),
    cliMs: median(pairs.map(({ cliMs }) => cliMs)),
    ratio: median(pairs.map(({ gatewayMs, cliMs }) => gatewayMs / cliMs)),
    goal,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function report(rows: readonly Row[]): void {
  const machine = `${cpus()[0]?.model ?? "unknown"}, ${availableParallelism()} cores, Node ${process.version}`;
  process.stdout.write(
    `\n${machine}; ${PAIRS} alternating pairs, medians\n\n| | gateway | by hand | ratio | goal |\n|---|---|---|---|---|\n`,
  );
  for (const { what, gatewayMs, cliMs, ratio, goal } of rows) {
    const times = `${gatewayMs.toFixed(0)} ms | ${cliMs.toFixed(0)} ms | ${ratio.toFixed(3)} (1/${(1 / ratio).toFixed(1)})`;
    process.stdout.write(`| ${what} | ${times} | ${goal} |\n`);
  }
  const file = process.env["BENCH_JSON"];
  if (file !== undefined) writeFileSync(file, JSON.stringify({ machine, pairs: PAIRS, rows }, null, 2));
}
