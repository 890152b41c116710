import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startScriptedModel } from "@claudeway/plugin-demo/model";
import { findClaude } from "#engine-claude/executable.js";
import { cliEnvironment, KEYS } from "../test/e2e/gateway.js";
import { Counted, hasCallgrind, type Sent } from "./instructions/callgrind.js";

/*
 * Instructions of a plain request and of a turn in a live session, counted by callgrind, in units of a request to bare Koa
 * in the same run, so that figures hold on any machine and Node. Fails where one is more than a tenth above the
 * committed figures. The CLI's output of a turn arrives in one piece. `npm run bench -- instructions [--write]`
 */

const { values: flags } = parseArgs({ options: { write: { type: "boolean", default: false } } });
const COMMITTED = new URL("./instructions/figures.json", import.meta.url);
const MAX_MORE = 1.1;
const ROUNDS = 5;
const REQUESTS = 20;
const WARM_UP = 10;
const TURNS = 16;
const WARM_UP_TURNS = 3;

type Figures = Readonly<Record<string, number>>;

if (hasCallgrind()) await main();
else print("instructions: skipped, because valgrind is missing and can't be installed here");

async function main(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "claudeway-instructions-"));
  try {
    const [bare, counted] = await Promise.all([
      countBare(join(dir, "bare")),
      countGateway(join(dir, "gateway")),
    ]);
    const figures = Object.fromEntries(
      Object.entries(counted).map(([what, count]) => [what, Math.round((100 * count) / bare) / 100]),
    );
    if (flags.write) writeFileSync(COMMITTED, `${JSON.stringify(figures, null, 2)}\n`);
    report(bare, counted, figures, JSON.parse(readFileSync(COMMITTED, "utf8")));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Instructions of a request to bare Koa. */
async function countBare(dir: string): Promise<number> {
  const program = fileURLToPath(new URL("./instructions/bare.js", import.meta.url));
  const bare = await Counted.start([program], { dir, env: process.env, mark: { path: "/mark" } });
  await bare.beginCounting();
  await repeat(WARM_UP, () => expectStatus(bare, { path: "/health" }, 200));
  await bare.endPart();
  await repeat(ROUNDS, async () => {
    await repeat(REQUESTS, () => expectStatus(bare, { path: "/health" }, 200));
    await bare.endPart();
  });
  const [, ...rounds] = await bare.end();
  return Math.min(...rounds.slice(0, ROUNDS)) / REQUESTS;
}

async function countGateway(dir: string): Promise<Figures> {
  const model = await startScriptedModel();
  const command = fileURLToPath(new URL("../core/cli/bin/claudeway.js", import.meta.url));
  const marker = fileURLToPath(new URL("./instructions/marker", import.meta.url));
  const cli = fileURLToPath(new URL("./instructions/one-piece.js", import.meta.url));
  const asAdmin = { authorization: `Bearer ${KEYS.admin}` };
  const env = {
    ...process.env,
    ...cliEnvironment(model, dir),
    WRAPPER_KEYS: `admin:${KEYS.admin}`,
    CLAUDE_WORKDIR: join(dir, "work"),
    REAL_CLAUDE: findClaude(undefined).path,
  };
  const asked = ["--port", "0", "--host", "127.0.0.1", "--force"];
  const args = [command, ...asked, "--claude-bin", cli, "--enable-plugin", marker];
  mkdirSync(dir);
  writeFileSync(join(dir, "claudeway.toml"), "[engine]\nspares = 0\n");
  const gateway = await Counted.start(args, { dir, env, mark: { path: "/mark", headers: asAdmin } });
  try {
    await gateway.beginCounting();
    const asJson = { ...asAdmin, "content-type": "application/json" };
    const post = (path: string, body: object): Sent => ({
      method: "POST",
      path,
      headers: asJson,
      body: JSON.stringify(body),
    });
    const { session_id } = JSON.parse((await gateway.send(post("/session/start", {}))).text);
    const kinds: readonly (readonly [string, Sent, number])[] = [
      ["GET /health", { path: "/health" }, 200],
      ["401", { path: "/sessions" }, 401],
      ["GET /session/:id", { path: `/session/${session_id}`, headers: asAdmin }, 200],
      ["400", post("/task", { model: "haiku" }), 400],
      ["POST /session/start", post("/session/start", {}), 200],
    ];
    const turn = post(`/session/${session_id}`, { prompt: "[[words 20]]" });
    for (const [, sent, status] of kinds) await repeat(WARM_UP, () => expectStatus(gateway, sent, status));
    await gateway.endPart();
    for (const [, sent, status] of kinds) {
      await repeat(ROUNDS, async () => {
        await repeat(REQUESTS, () => expectStatus(gateway, sent, status));
        await gateway.endPart();
      });
    }
    // After the requests, which should not be counted with what a first turn leaves to be done.
    await repeat(WARM_UP_TURNS, () => expectStatus(gateway, turn, 200));
    await gateway.endPart();
    await repeat(TURNS, async () => {
      await expectStatus(gateway, turn, 200);
      await gateway.endPart();
    });
    const [, ...parts] = await gateway.end();
    // What else the process does meanwhile depends on the machine's load: the least is what a request or a turn needs.
    const leastTurn = Math.min(...parts.slice(-TURNS));
    const leastOf = (index: number) =>
      Math.min(...parts.slice(index * ROUNDS, (index + 1) * ROUNDS)) / REQUESTS;
    return {
      ...Object.fromEntries(kinds.map(([what], index) => [what, leastOf(index)])),
      "a turn in a live session": leastTurn,
    };
  } finally {
    await gateway.end();
    await model.close();
  }
}

async function expectStatus(server: Counted, sent: Sent, wanted: number): Promise<void> {
  const { status, text } = await server.send(sent);
  if (status !== wanted) throw new Error(`${sent.path}: ${status} ${text}`);
}

async function repeat(count: number, one: () => Promise<void>): Promise<void> {
  for (let time = 0; time < count; time++) await one();
}

function report(bare: number, counted: Figures, figures: Figures, committed: Figures): void {
  print(`instructions of a request to bare Koa: ${Math.round(bare)} (Node ${process.version})`);
  print("| | instructions | in requests to bare Koa | committed |\n|---|---|---|---|");
  for (const [what, figure] of Object.entries(figures)) {
    const before = committed[what] ?? Number.NaN;
    const more = figure <= before * MAX_MORE ? "" : `: more than ${MAX_MORE} × ${before}`;
    print(`| ${what} | ${Math.round(counted[what] ?? Number.NaN)} | ${figure}${more} | ${before} |`);
    if (more !== "") process.exitCode = 1;
  }
  const file = process.env["BENCH_JSON"];
  if (file !== undefined)
    writeFileSync(
      file,
      JSON.stringify({ node: process.version, bare, counted, figures, committed }, null, 2),
    );
  if (process.exitCode === 1)
    print("If the extra work is worth it, write the new figures: npm run bench -- instructions --write");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
