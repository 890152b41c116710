import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { findClaude } from "#engine-claude/executable.js";
import { readEvents } from "#testing/event-parser.js";
import { cliEnvironment, KEYS, TestGateway } from "../test/e2e/gateway.js";
import { MACHINE } from "./machine.js";
import { median } from "./median.js";

/*
 * The gateway against the CLI started by hand, in the same run, in alternating pairs. The model is a script on loopback
 * that answers at once, so what is measured is what lies around it. Measured is the time to the whole result, or where
 * it says so to the first `stream_event` of the CLI, which the gateway passes on as the first `text`.
 * `npm run bench -- turns [pairs] [pairs of bursts]`
 */

const PAIRS = Number(process.argv[2] ?? 20);
/** A burst without the gateway is slow. */
const BURSTS = Number(process.argv[3] ?? PAIRS);
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

const gateway = await TestGateway.start();
const cli = findClaude(undefined).path;
const cliEnv = { ...process.env, ...cliEnvironment(gateway.model, gateway.dir) };
const folder = join(gateway.dir, "by-hand");
mkdirSync(folder);

try {
  const rows = [
    await laterTurn(),
    await laterTurnToFirst(),
    await oneShot(),
    await oneShotToFirst(),
    await sessionsAtOnce(),
    ...(await tasksAtOnce()),
  ];
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
    () => timed(() => post(`/session/${session}`)),
    () => timed(() => runCli(["--resume", byHand])),
  );
  return row("a later turn of a session / claude -p --resume", pairs, "≤ 1/8");
}

/** The same, to the first event of the answer. */
async function laterTurnToFirst(): Promise<Row> {
  const session = await startSession();
  const byHand = randomUUID();
  await runCli(["--session-id", byHand]);
  const pairs = await alternate(
    () => firstText(`/session/${session}/stream`),
    () => firstStreamEvent(["--resume", byHand]),
  );
  return row("a later turn, to the first event", pairs, "");
}

/** A one-shot task, with a process started ahead, against `claude -p`. */
async function oneShot(): Promise<Row> {
  await post("/task");
  const pairs = await alternate(
    () => timed(() => post("/task")),
    () => timed(() => runCli([])),
    () => spareReady(),
  );
  return row("a one-shot task with a spare ready / claude -p", pairs, "≤ 1/2.2");
}

async function oneShotToFirst(): Promise<Row> {
  const pairs = await alternate(
    () => firstText("/task/stream"),
    () => firstStreamEvent([]),
    () => spareReady(),
  );
  return row("a one-shot task, to the first event", pairs, "");
}

/** 24 live sessions, a turn each at once, against 24 × `claude -p --resume` at once. */
async function sessionsAtOnce(): Promise<Row> {
  const sessions = await Promise.all(Array.from({ length: AT_ONCE }, () => startSession()));
  const byHand = Array.from({ length: AT_ONCE }, () => randomUUID());
  await Promise.all(byHand.map((id) => runCli(["--session-id", id])));
  const pairs = await alternate(
    () => timed(() => Promise.all(sessions.map((id) => post(`/session/${id}`)))),
    () => timed(() => Promise.all(byHand.map((id) => runCli(["--resume", id])))),
    async () => undefined,
    BURSTS,
  );
  await Promise.all(sessions.map((id) => gateway.request(`/session/${id}`, { method: "DELETE" })));
  return row(`${AT_ONCE} live sessions at once / ${AT_ONCE} × claude -p --resume`, pairs, "≤ 1/12");
}

/** 24 one-shot tasks at once through the queue against 24 × `claude -p` at once. */
async function tasksAtOnce(): Promise<Row[]> {
  const queued = await TestGateway.start({
    config: `[engine]\nmax_running = ${2 * availableParallelism()}\n`,
  });
  try {
    const means: Pair[] = [];
    const lasts: Pair[] = [];
    for (let pair = 0; pair < BURSTS; pair++) {
      const ours = await timesAtOnce(() => queued.request("/task", { body: { prompt: PROMPT } }));
      const theirs = await timesAtOnce(() => runCli([]));
      means.push({ gatewayMs: mean(ours), cliMs: mean(theirs) });
      lasts.push({ gatewayMs: Math.max(...ours), cliMs: Math.max(...theirs) });
      process.stderr.write(".");
    }
    process.stderr.write("\n");
    return [
      row(`${AT_ONCE} tasks at once / ${AT_ONCE} × claude -p: mean`, means, "≤ 0.7"),
      row(`the same: the last one`, lasts, "≤ 1.05"),
    ];
  } finally {
    await queued.dispose();
  }
}

/** When each of 24 that begin together was done, in ms. */
async function timesAtOnce(one: () => Promise<unknown>): Promise<number[]> {
  return Promise.all(Array.from({ length: AT_ONCE }, () => timed(one)));
}

function mean(times: readonly number[]): number {
  return times.reduce((sum, ms) => sum + ms, 0) / times.length;
}

interface Pair {
  readonly gatewayMs: number;
  readonly cliMs: number;
}

/** Measures both times, in ms, repeatedly. */
async function alternate(
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
  before: () => Promise<void> = async () => undefined,
  count = PAIRS,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let pair = 0; pair < count; pair++) {
    await before();
    const gatewayMs = await ours();
    pairs.push({ gatewayMs, cliMs: await theirs() });
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
  const response = await send(path);
  const text = await response.text();
  if (response.status !== 200 || !text.includes('"success":true'))
    throw new Error(`${path}: ${response.status} ${text}`);
}

/** As a client does: what the tests hold every answer against would count as the gateway's time. */
function send(path: string): Promise<Response> {
  return fetch(gateway.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${KEYS.admin}`, "content-type": "application/json" },
    body: JSON.stringify({ prompt: PROMPT }),
  });
}

/** Milliseconds to the first text; the stream is read to its end. */
async function firstText(path: string): Promise<number> {
  const start = performance.now();
  let firstMs: number | undefined;
  const response = await send(path);
  for await (const { event } of readEvents(response))
    if (event === "text") firstMs ??= performance.now() - start;
  if (firstMs === undefined) throw new Error(`${path}: no text came`);
  return firstMs;
}

/** Milliseconds to the first `stream_event` of a CLI; it is left to end. */
async function firstStreamEvent(args: readonly string[]): Promise<number> {
  const start = performance.now();
  let firstMs: number | undefined;
  await runCli(
    ["--output-format", "stream-json", "--verbose", "--include-partial-messages", ...args],
    (text) => {
      if (text.includes('"type":"stream_event"')) firstMs ??= performance.now() - start;
    },
  );
  if (firstMs === undefined) throw new Error("the CLI sent no stream_event");
  return firstMs;
}

/** A spare is made when the gateway has been quiet for a moment. */
async function spareReady(): Promise<void> {
  const deadline = Date.now() + 20_000;
  while ((await gateway.children()).length < 2 && Date.now() < deadline) await pause(50);
  await pause(700);
}

async function runCli(
  args: readonly string[],
  read: (text: string) => void = () => undefined,
): Promise<void> {
  const child = spawn(cli, ["-p", "--output-format", "json", "--model", "sonnet", ...args], {
    cwd: folder,
    env: cliEnv,
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdout.setEncoding("utf8").on("data", read);
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

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function report(rows: readonly Row[]): void {
  process.stdout.write(
    `\n${MACHINE}; ${PAIRS} alternating pairs (${BURSTS} of bursts), medians\n\n| | gateway | by hand | ratio | goal |\n|---|---|---|---|---|\n`,
  );
  for (const { what, gatewayMs, cliMs, ratio, goal } of rows) {
    const times = `${gatewayMs.toFixed(0)} ms | ${cliMs.toFixed(0)} ms | ${ratio.toFixed(3)} (1/${(1 / ratio).toFixed(1)})`;
    process.stdout.write(`| ${what} | ${times} | ${goal} |\n`);
  }
  const file = process.env["BENCH_JSON"];
  if (file !== undefined)
    writeFileSync(file, JSON.stringify({ machine: MACHINE, pairs: PAIRS, bursts: BURSTS, rows }, null, 2));
}
