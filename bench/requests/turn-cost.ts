import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findClaude } from "#engine-claude/executable.js";
import { cliEnvironment, type TestGateway } from "../../test/e2e/gateway.js";
import { median } from "../median.js";
import { cliProcesses } from "../probe.js";

const SDK = fileURLToPath(new URL("./sdk.ts", import.meta.url));
const TURNS = 20;
const PROMPT = "[[words 100]]";
/** Linux counts processor time in hundredths of a second. */
const TICK_MS = 10;

/** Processor time for one turn, in ms, medians over the rounds. */
export interface TurnCost {
  readonly gatewayMs: number;
  /** Of a process that does the same turn straight on the Agent SDK. */
  readonly sdkMs: number;
  /** Of the CLI itself, in its live process. */
  readonly cliMs: number;
  /** Of a CLI that is started for one turn. */
  readonly startedMs: number;
  /** What the gateway adds to the SDK, as a share of the live CLI's own. */
  readonly added: number;
}

type Round = Omit<TurnCost, "added">;

/** The same turns in a live session of the gateway and in a live process of the SDK, in alternating rounds. */
export async function turnCost(gateway: TestGateway, rounds: number): Promise<TurnCost> {
  const cwd = join(gateway.dir, "sdk");
  mkdirSync(cwd);
  const env = { ...process.env, ...cliEnvironment(gateway.model, gateway.dir) };
  const sdk = fork(SDK, [cwd], { execArgv: ["--conditions=unbundled", "--import=tsx"], env });
  try {
    const { body } = await gateway.request<{ session_id: string }>("/session/start", { body: {} });
    const path = `/session/${body.session_id}`;
    const prompt = () => gateway.request(path, { body: { prompt: PROMPT } });
    // Both are warm after these.
    for (let turn = 0; turn < 5; turn++) await Promise.all([prompt(), sdkTurn(sdk)]);
    const [cli = 0] = await cliProcesses(gateway);
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round++) {
      const before = { gateway: ticksOf(gateway.pid), cli: ticksOf(cli) };
      for (let turn = 0; turn < TURNS; turn++) await prompt();
      const gatewayMs = ((ticksOf(gateway.pid) - before.gateway) * TICK_MS) / TURNS;
      const cliMs = ((ticksOf(cli) - before.cli) * TICK_MS) / TURNS;
      const start = await sdkTurn(sdk);
      let end = start;
      for (let turn = 0; turn < TURNS; turn++) end = await sdkTurn(sdk);
      const sdkMs = (end - start) / 1000 / TURNS;
      measured.push({ gatewayMs, cliMs, sdkMs, startedMs: await startedCli(cwd, env) });
      process.stderr.write(".");
    }
    process.stderr.write("\n");
    const of = (pick: (one: Round) => number) => median(measured.map(pick));
    return {
      gatewayMs: of(({ gatewayMs }) => gatewayMs),
      sdkMs: of(({ sdkMs }) => sdkMs),
      cliMs: of(({ cliMs }) => cliMs),
      startedMs: of(({ startedMs }) => startedMs),
      added: of(({ gatewayMs, sdkMs, cliMs }) => (gatewayMs - sdkMs) / cliMs),
    };
  } finally {
    const ended = once(sdk, "exit");
    sdk.disconnect();
    await ended;
  }
}

/** One turn on the SDK; resolves to the processor time that its process has used so far, in µs. */
async function sdkTurn(sdk: ChildProcess): Promise<number> {
  const message = once(sdk, "message");
  sdk.send(PROMPT);
  const [{ cpuUs }] = await message;
  return cpuUs;
}

/** The same prompt by a CLI that is started for it; its processor time in ms. */
async function startedCli(cwd: string, env: NodeJS.ProcessEnv): Promise<number> {
  const before = endedTicks();
  const child = spawn(findClaude(undefined).path, ["-p", "--model", "sonnet"], {
    cwd,
    env,
    stdio: ["pipe", "ignore", "inherit"],
  });
  child.stdin.end(PROMPT);
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`claude ended with ${code}`);
  return (endedTicks() - before) * TICK_MS;
}

/** User and system time of a process, in ticks (proc(5): fields 14 and 15). */
function ticksOf(pid: number): number {
  const fields = statOf(pid);
  return Number(fields[11]) + Number(fields[12]);
}

/** The same of this process's children that have ended (fields 16 and 17). */
function endedTicks(): number {
  const fields = statOf("self");
  return Number(fields[13]) + Number(fields[14]);
}

/** The fields of a process's stat after its command, from the third on. */
function statOf(pid: number | "self"): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
