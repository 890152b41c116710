import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startScriptedModel } from "@claudeway/plugin-demo/model";
import { cliEnvironment, KEYS } from "../test/e2e/gateway.js";
import { clustered, planNodes, type TestNode } from "../test/e2e/two-nodes.js";
import { startPostgres } from "../test/postgres.js";
import { MACHINE } from "./machine.js";
import { medianWithin } from "./median.js";

/*
 * What a turn takes that another node passes on, compared with one that is sent to the node that has its session: two nodes
 * on one PostgreSQL, turns in pairs, in alternating order. `npm run bench -- passing [pairs]`
 */

const PAIRS = Number(process.argv[2] ?? 200);
/** Passed-on turns may take so many times as long. */
const GOAL = 1.3;
const WARM_UP = 20;
const COMMAND = fileURLToPath(new URL("../core/cli/bin/claudeway.js", import.meta.url));
const SCRIPTED = fileURLToPath(new URL("passing/scripted-node.ts", import.meta.url));
const TSX = import.meta.resolve("tsx");

const model = await startScriptedModel();
const server = await startPostgres();
process.stdout.write(`${MACHINE}\n${PAIRS} pairs\n\n`);
try {
  await measure("scripted engine", ["--conditions=unbundled", "--import", TSX, SCRIPTED], PAIRS);
  await measure("the CLI on a scripted model, warm", [COMMAND], PAIRS);
} finally {
  await server.close();
  await model.close();
}

async function measure(what: string, command: readonly string[], pairs: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "claudeway-passing-"));
  const url = await server.urlOf(`passing-${command.length}`);
  const { owner, other } = await planNodes(dir);
  const ends = [await start(owner, dir, url, command), await start(other, dir, url, command)];
  try {
    const id = await begin(owner);
    const times = { owner: [] as number[], other: [] as number[] };
    for (let pair = -WARM_UP; pair < pairs; pair++) {
      for (const node of pair % 2 === 0 ? [owner, other] : [other, owner]) {
        const ms = await turn(node, id);
        if (pair >= 0) times[node.name].push(ms);
      }
    }
    report(what, times);
  } finally {
    for (const end of ends) await end();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function start(
  node: TestNode,
  dir: string,
  url: string,
  command: readonly string[],
): Promise<() => Promise<void>> {
  mkdirSync(node.dir, { recursive: true });
  writeFileSync(join(node.dir, "claudeway.toml"), clustered(undefined, node, url, dir));
  const child = spawn(process.execPath, [...command, "--port", String(node.port), "--host", "127.0.0.1"], {
    cwd: node.dir,
    env: {
      ...process.env,
      ...cliEnvironment(model, dir),
      IS_SANDBOX: "1",
      WRAPPER_KEYS: `admin:${KEYS.admin}`,
      CLAUDE_WORKDIR: join(dir, "work"),
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  for await (const text of child.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    said += text;
    if (said.includes("listening on")) break;
  }
  child.stdout.resume();
  if (child.exitCode !== null) throw new Error(`${node.name} did not start: ${said}`);
  return async () => {
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    await exited;
  };
}

async function begin(node: TestNode): Promise<string> {
  const { session_id } = await post(node, "/session/start", {});
  return String(session_id);
}

async function turn(node: TestNode, id: string): Promise<number> {
  const before = performance.now();
  const { success } = await post(node, `/session/${id}`, { prompt: "go on" });
  if (success !== true) throw new Error("a turn failed");
  return performance.now() - before;
}

async function post(node: TestNode, path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${node.port}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEYS.admin}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return JSON.parse(await response.text());
}

function report(what: string, times: Readonly<Record<TestNode["name"], readonly number[]>>): void {
  const [at, on] = [medianWithin(times.owner), medianWithin(times.other)];
  const ratio = on.median / at.median;
  const shown = (name: string, { median, from, to }: typeof at) =>
    `  ${name}: ${median.toFixed(2)} ms (${from.toFixed(2)} to ${to.toFixed(2)})\n`;
  process.stdout.write(`${what}\n${shown("at the owner", at)}${shown("passed on", on)}`);
  process.stdout.write(`  ratio: ${ratio.toFixed(2)}, goal: at most ${GOAL}\n\n`);
  if (ratio > GOAL) process.exitCode = 1;
}
