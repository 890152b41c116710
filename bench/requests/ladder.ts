import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { median } from "../median.js";
import { RUNGS, type Rung } from "./rungs.js";

const SERVER = fileURLToPath(new URL("./server.ts", import.meta.url));
const AUTOCANNON = createRequire(import.meta.url).resolve("autocannon/autocannon.js");
const CONNECTIONS = 10;
const SECONDS = 1;
const BODY = JSON.stringify({ prompt: "What is the capital of France? Answer in one word.", model: "haiku" });

/** What one rung of the ladder costs, medians over the rounds. */
export interface RungCost {
  readonly rung: Rung;
  /** Processor time of the server for one request, in µs. */
  readonly cpuUs: number;
  /** More than the rung before, in µs: the median of the rounds' differences. */
  readonly addedUs: number;
  readonly requestsPerSec: number;
}

interface Served {
  readonly rung: Rung;
  readonly child: ChildProcess;
  readonly url: string;
  readonly secret: string;
}

interface Round {
  readonly cpuUs: number;
  readonly requestsPerSec: number;
}

/** Measures all rungs in alternating rounds, each server in a process of its own. */
export async function climb(rounds: number): Promise<RungCost[]> {
  const folder = mkdtempSync(join(tmpdir(), "claudeway-bench-"));
  const served = await Promise.all(RUNGS.map((rung) => serve(rung, folder)));
  try {
    // The first round warms the compiler up and is thrown away.
    for (const one of served) await measure(one);
    const results: Round[][] = [];
    for (let round = 0; round < rounds; round++) {
      const row: Round[] = [];
      for (const one of served) row.push(await measure(one));
      results.push(row);
      process.stderr.write(".");
    }
    process.stderr.write("\n");
    return RUNGS.map((rung, index) => costOf(rung, index, results));
  } finally {
    for (const { child } of served) await stop(child);
    rmSync(folder, { recursive: true, force: true });
  }
}

function costOf(rung: Rung, index: number, results: readonly (readonly Round[])[]): RungCost {
  const of = (at: number, pick: (round: Round) => number) =>
    results.map((row) => (row[at] === undefined ? 0 : pick(row[at])));
  const cpu = of(index, ({ cpuUs }) => cpuUs);
  const before = of(index - 1, ({ cpuUs }) => cpuUs);
  return {
    rung,
    cpuUs: median(cpu),
    addedUs: median(cpu.map((us, round) => us - (before[round] ?? 0))),
    requestsPerSec: median(of(index, ({ requestsPerSec }) => requestsPerSec)),
  };
}

async function serve(rung: Rung, folder: string): Promise<Served> {
  const child = fork(SERVER, [rung, folder], { execArgv: ["--import=tsx"] });
  const failed = once(child, "exit").then(([code]) => Promise.reject(new Error(`${rung}: exit ${code}`)));
  // It ends some day in any case.
  failed.catch(() => undefined);
  const [{ url, secret }] = await Promise.race([once(child, "message"), failed]);
  return { rung, child, url, secret };
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.disconnect();
  await ended;
}

async function measure({ rung, child, url, secret }: Served): Promise<Round> {
  const before = await cpuOf(child);
  const result = await fire(url, secret);
  const used = (await cpuOf(child)) - before;
  const requests = result["2xx"];
  if (requests === 0 || result.non2xx > 0) throw new Error(`${rung}: ${JSON.stringify(result)}`);
  return { cpuUs: used / requests, requestsPerSec: result.requests.average };
}

async function cpuOf(child: ChildProcess): Promise<number> {
  const told = once(child, "message");
  child.send("cpu");
  const [{ cpu }] = await told;
  return cpu.user + cpu.system;
}

interface Fired {
  readonly "2xx": number;
  readonly non2xx: number;
  readonly requests: { readonly average: number };
}

/** The load comes from a process of its own. */
async function fire(url: string, secret: string): Promise<Fired> {
  const headers = [`authorization=Bearer ${secret}`, "content-type=application/json"];
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...[AUTOCANNON, "--json", "-c", String(CONNECTIONS), "-d", String(SECONDS), "-m", "POST"],
    ...headers.flatMap((header) => ["-H", header]),
    ...["-b", BODY, `${url}/bench/echo`],
  ]);
  return JSON.parse(stdout);
}
