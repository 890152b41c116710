import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "../median.js";
import { fire, type Round, type Served, type Shot, serve, stop } from "./load.js";
import { RUNGS, type Rung } from "./rungs.js";

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

/** Measures all rungs in alternating rounds, each server in a process of its own. */
export async function climb(rounds: number): Promise<RungCost[]> {
  const folder = mkdtempSync(join(tmpdir(), "claudeway-bench-"));
  const served = await Promise.all(RUNGS.map((rung) => serve(rung, folder)));
  try {
    // The first round warms the compiler up and is thrown away.
    for (const one of served) await fire(one, echo(one));
    const results: Round[][] = [];
    for (let round = 0; round < rounds; round++) {
      const row: Round[] = [];
      for (const one of served) row.push(await fire(one, echo(one)));
      results.push(row);
      process.stderr.write(".");
    }
    process.stderr.write("\n");
    return RUNGS.map((rung, index) => costOf(rung, index, results));
  } finally {
    for (const one of served) await stop(one);
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

function echo({ secret }: Served): Shot {
  const headers = { authorization: `Bearer ${secret}`, "content-type": "application/json" };
  return { method: "POST", path: "/bench/echo", headers, body: BODY, status: 200 };
}
