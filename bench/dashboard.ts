import { appendFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { searchLogs } from "../plugins/dashboard/dist/logs/search.js";

/*
 * The newest page of a month of logs: a megabyte of it, and a gigabyte; beside the forerunner's way, which parses every
 * line. What the ledger answers is in bench/ledger.ts. Run: node --import tsx bench/dashboard.ts [megabytes of the big one]
 */

const BIG_MB = Number(process.argv[2] ?? 1024);
const ROUNDS = 200;
const GOAL = 2;
const MONTH = "2026-03";

function lines(from: number, count: number): string {
  return Array.from({ length: count }, (_, index) => {
    const timestamp = new Date(Date.UTC(2026, 2, 1) + (from + index) * 100).toISOString();
    const tokens = { input: 12, output: 340, cache_read: 1000, cache_write: 20 };
    const turn = {
      session_id: "5f0d1c1e-8f52-4f0c-8a53-0c7c2f3a9d10",
      model: "claude-sonnet-4-5",
      success: true,
    };
    return `${JSON.stringify({ timestamp, level: "INFO", key_id: "a", ...turn, tokens, cost_usd: 0.0043, message: "turn ended" })}\n`;
  }).join("");
}

function write(megabytes: number): string {
  const dir = mkdtempSync(join(tmpdir(), "claudeway-bench-"));
  mkdirSync(join(dir, "a"));
  const file = join(dir, "a", `${MONTH}.log`);
  const batch = 4000;
  for (let from = 0, size = 0; size < megabytes * 1024 ** 2; from += batch) {
    appendFileSync(file, lines(from, batch));
    size = statSync(file).size;
  }
  return dir;
}

async function newestPage(dir: string): Promise<number> {
  const started = performance.now();
  const { entries } = await searchLogs(dir, { date: MONTH, limit: 100 });
  if (entries.length !== 100) throw new Error("not a page");
  return performance.now() - started;
}

/** Every line of the file, parsed, for the last hundred. */
async function everyLine(dir: string): Promise<number> {
  const { createReadStream } = await import("node:fs");
  const { createInterface } = await import("node:readline");
  const started = performance.now();
  let page: unknown[] = [];
  for await (const line of createInterface({ input: createReadStream(join(dir, "a", `${MONTH}.log`)) })) {
    page.push(JSON.parse(line));
    if (page.length > 1000) page = page.slice(-100);
  }
  return performance.now() - started;
}

const median = (times: number[]): number => times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

const [small, big] = [write(1), write(BIG_MB)];
try {
  const times: [number[], number[]] = [[], []];
  for (let round = -20; round < ROUNDS; round++) {
    const [one, other] = [await newestPage(small), await newestPage(big)];
    if (round >= 0) {
      times[0].push(one);
      times[1].push(other);
    }
  }
  const [one, other] = [median(times[0]), median(times[1])];
  const parsed = await everyLine(big);
  process.stdout.write(
    `newest page of 100 lines: 1 MB ${one.toFixed(2)} ms, ${BIG_MB} MB ${other.toFixed(2)} ms, ` +
      `ratio ${(other / one).toFixed(2)} (goal ${GOAL}); every line parsed: ${parsed.toFixed(0)} ms\n`,
  );
  if (other / one > GOAL) process.exitCode = 1;
} finally {
  for (const dir of [small, big]) rmSync(dir, { recursive: true, force: true });
}
