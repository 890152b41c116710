import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { KEYS, TestGateway } from "../test/e2e/gateway.js";
import { endedChildrenMs, ownMs } from "./cost/processor.js";
import { endIdle, startIdle } from "./idle.js";
import { MACHINE } from "./machine.js";

/*
 * What the gateway's processor spends on a one-shot task, in % of what its CLI spends, while other processes are idle on
 * the machine: starting the CLI, reading it, and ending it with all that it started. Each task has a process of its own.
 * `npm run bench -- ends [--tasks 20] [--json] [--command path of another build's core/cli/bin/claudeway.js]`
 */

const { values } = parseArgs({
  options: {
    tasks: { type: "string", default: "20" },
    json: { type: "boolean", default: false },
    command: { type: "string" },
  },
});
const TASKS = Number(values.tasks);
const IDLE = [0, 300, 3000];
const PROMPT = "[[words 20]]";

interface Row {
  readonly idleProcesses: number;
  /** Processor time of a task, in ms: the gateway's, and its CLI's. */
  readonly gatewayMs: number;
  readonly cliMs: number;
  readonly percent: number;
}

const rows: Row[] = [];
for (const idleProcesses of IDLE) rows.push(await measure(idleProcesses));
if (values.json)
  process.stdout.write(`${JSON.stringify({ machine: MACHINE, tasks: TASKS, rows }, null, 2)}\n`);
else report();

async function measure(idleProcesses: number): Promise<Row> {
  const idle = await startIdle(idleProcesses);
  const gateway = await TestGateway.start({
    config: "[engine]\nspares = 0\n",
    ...(values.command !== undefined && { command: values.command }),
  });
  try {
    for (let task = 0; task < 3; task++) await run(gateway);
    const before = { own: ownMs(gateway.pid), children: endedChildrenMs(gateway.pid) };
    for (let task = 0; task < TASKS; task++) await run(gateway);
    const gatewayMs = (ownMs(gateway.pid) - before.own) / TASKS;
    const cliMs = (endedChildrenMs(gateway.pid) - before.children) / TASKS;
    return { idleProcesses, gatewayMs, cliMs, percent: (100 * gatewayMs) / cliMs };
  } finally {
    await gateway.dispose();
    endIdle(idle);
  }
}

/** Runs a task, and waits until its CLI is gone. */
async function run(gateway: TestGateway): Promise<void> {
  const response = await fetch(`${gateway.url}/task`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEYS.admin}`, "content-type": "application/json" },
    body: JSON.stringify({ prompt: PROMPT }),
  });
  const text = await response.text();
  if (!text.includes('"success":true')) throw new Error(`/task: ${response.status} ${text}`);
  // Polling must cost the gateway nothing. The guard is the last child of the gateway.
  while (childrenOf(gateway.pid) > 1) await new Promise((resolve) => setTimeout(resolve, 20));
}

function childrenOf(pid: number): number {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).length;
}

function report(): void {
  process.stdout.write(`${MACHINE}; means of ${TASKS} tasks\n\n`);
  process.stdout.write(
    "| other processes | gateway, ms | CLI, ms | gateway in % of the CLI |\n|---|---|---|---|\n",
  );
  for (const { idleProcesses, gatewayMs, cliMs, percent } of rows) {
    process.stdout.write(
      `| ${idleProcesses} | ${gatewayMs.toFixed(1)} | ${cliMs.toFixed(0)} | ${percent.toFixed(1)} |\n`,
    );
  }
}
