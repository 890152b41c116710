import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { firstTurn, laterTurn, sessionsAtOnce } from "./cost/turns.js";
import { MACHINE } from "./machine.js";
import { median } from "./median.js";
import { fire, type Served, type Shot, serve, stop } from "./requests/load.js";

/*
 * What the gateway costs beside the CLI, like with like, with the default settings. `npm run bench -- cost [--json]
 * [--rounds 10] [--warm 200] [--command path of another build's core/cli/bin/claudeway.js]`
 */

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "10" },
    /** Turns before the first one that counts: a gateway that has just started compiles what it runs. */
    warm: { type: "string", default: "200" },
    json: { type: "boolean", default: false },
    command: { type: "string" },
  },
});
const parts = { rounds: Number(values.rounds), warm: Number(values.warm), command: values.command };

interface Row {
  readonly what: string;
  /** In ms. */
  readonly gateway: number;
  readonly beside: number;
  readonly ratio: number;
  readonly goal: string;
}

const rows: Row[] = [
  { what: "later turn, processor time / the live CLI's own", ...(await laterTurn(parts)), goal: "≤ 0.05" },
  { what: "first turn, with its CLI / claude -p", ...(await firstTurn(parts)), goal: "≤ 1.0" },
  {
    what: "24 sessions' later turns at once / 24 × claude -p --resume",
    ...(await sessionsAtOnce(parts)),
    goal: "≤ 1/12",
  },
  { what: "POST /session/start / the same request to bare Koa", ...(await sessionStart()), goal: "≤ 2" },
];
if (values.json) process.stdout.write(`${JSON.stringify({ machine: MACHINE, ...parts, rows }, null, 2)}\n`);
else {
  process.stdout.write(`${MACHINE}; medians of ${parts.rounds} alternating rounds\n\n`);
  process.stdout.write("| | gateway, ms | beside it, ms | ratio | goal |\n|---|---|---|---|---|\n");
  for (const { what, gateway, beside, ratio, goal } of rows)
    process.stdout.write(
      `| ${what} | ${gateway.toFixed(2)} | ${beside.toFixed(2)} | ${ratio.toFixed(3)} | ${goal} |\n`,
    );
}

/** Processor time of one request, in ms. */
async function sessionStart(): Promise<Omit<Row, "what" | "goal">> {
  const folder = mkdtempSync(join(tmpdir(), "claudeway-bench-"));
  const [gateway, koa] = await Promise.all([serve("the whole gateway", folder), serve("Koa", folder)]);
  try {
    const shots = [post(gateway, "/session/start"), post(koa, "/bench/echo")] as const;
    await fire(gateway, shots[0]);
    await fire(koa, shots[1]);
    const pairs: { gateway: number; beside: number }[] = [];
    for (let round = 0; round < parts.rounds; round++) {
      const ours = (await fire(gateway, shots[0])).cpuUs / 1000;
      pairs.push({ gateway: ours, beside: (await fire(koa, shots[1])).cpuUs / 1000 });
    }
    return {
      gateway: median(pairs.map((pair) => pair.gateway)),
      beside: median(pairs.map((pair) => pair.beside)),
      ratio: median(pairs.map((pair) => pair.gateway / pair.beside)),
    };
  } finally {
    await stop(gateway);
    await stop(koa);
    rmSync(folder, { recursive: true, force: true });
  }
}

function post({ secret }: Served, path: string): Shot {
  const headers = { authorization: `Bearer ${secret}`, "content-type": "application/json" };
  return { method: "POST", path, headers, body: '{"model":"haiku"}', status: 200 };
}
