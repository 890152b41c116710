import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { KEYS, TestGateway } from "../test/e2e/gateway.js";
import { endIdle, startIdle } from "./idle.js";
import { type Point, pictureOf } from "./load/picture.js";
import { timesOf } from "./load/times.js";
import { MACHINE } from "./machine.js";

/*
 * What a turn in a live session costs the gateway's processor, beside what the same turn costs its CLI, which lives on too,
 * by how much is on the machine: idle processes, sessions, and turns at once. On the default settings.
 * `npm run bench -- load [--idle 0,300,3000] [--sessions 10,100,1000] [--at-once 1,8,24,96] [--rounds 5] [--svg FILE]`;
 * BENCH_JSON names a file for the figures.
 */

const { values } = parseArgs({
  options: {
    idle: { type: "string", default: "0,300,3000" },
    sessions: { type: "string", default: "10,100,1000" },
    "at-once": { type: "string", default: "1,8,24,96" },
    rounds: { type: "string", default: "5" },
    svg: { type: "string" },
  },
});
const ROUNDS = Number(values.rounds);
const PROMPT = "[[words 20]]";

const points: Point[] = [];
for (const idle of numbers(values.idle)) points.push(...(await measureBeside(idle)));
report();

function numbers(list: string): number[] {
  return list.split(",").map(Number);
}

async function measureBeside(idle: number): Promise<Point[]> {
  const shell = await startIdle(idle);
  try {
    const measured: Point[] = [];
    for (const sessions of numbers(values.sessions)) measured.push(...(await measureWith(idle, sessions)));
    return measured;
  } finally {
    endIdle(shell);
  }
}

async function measureWith(idle: number, sessions: number): Promise<Point[]> {
  const gateway = await TestGateway.start();
  try {
    const ids: string[] = [];
    for (let count = 0; count < sessions; count++) ids.push(await startSession(gateway));
    const measured: Point[] = [];
    for (const atOnce of numbers(values["at-once"])) {
      if (atOnce > sessions) continue;
      measured.push({ idle, sessions, atOnce, ...(await costOf(gateway, ids.slice(0, atOnce))) });
      process.stderr.write(".");
    }
    return measured;
  } finally {
    await gateway.dispose();
  }
}

/** The mean cost of a later turn, with one in each of these sessions at once. */
async function costOf(
  gateway: TestGateway,
  ids: readonly string[],
): Promise<Pick<Point, "gatewayMs" | "cliMs">> {
  const turns = () => Promise.all(ids.map((id) => turn(gateway, id)));
  await turns();
  const before = timesOf(gateway.pid);
  for (let round = 0; round < ROUNDS; round++) await turns();
  const after = timesOf(gateway.pid);
  const count = ROUNDS * ids.length;
  return {
    gatewayMs: (after.gatewayMs - before.gatewayMs) / count,
    cliMs: (after.cliMs - before.cliMs) / count,
  };
}

async function startSession(gateway: TestGateway): Promise<string> {
  const { body } = await gateway.request<{ session_id: string }>("/session/start", { method: "POST" });
  return body.session_id;
}

/** As a client does: what the tests hold every answer against would cost this process more than the turn. */
async function turn(gateway: TestGateway, id: string): Promise<void> {
  const response = await fetch(`${gateway.url}/session/${id}`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEYS.admin}`, "content-type": "application/json" },
    body: JSON.stringify({ prompt: PROMPT }),
  });
  const text = await response.text();
  if (!text.includes('"success":true')) throw new Error(`a turn: ${response.status} ${text}`);
}

function report(): void {
  print(`\n${MACHINE}; means of ${ROUNDS} rounds, processor time of a turn\n`);
  print(
    "| idle processes | sessions | at once | gateway, ms | CLI, ms | gateway in % of the CLI |\n|---|---|---|---|---|---|",
  );
  for (const { idle, sessions, atOnce, gatewayMs, cliMs } of points) {
    const percent = ((100 * gatewayMs) / cliMs).toFixed(1);
    print(
      `| ${idle} | ${sessions} | ${atOnce} | ${gatewayMs.toFixed(1)} | ${cliMs.toFixed(1)} | ${percent} |`,
    );
  }
  const file = process.env["BENCH_JSON"];
  if (file !== undefined)
    writeFileSync(file, JSON.stringify({ machine: MACHINE, rounds: ROUNDS, points }, null, 2));
  if (values.svg !== undefined) writeFileSync(values.svg, pictureOf(points));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
