import { appendFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { searchLogs } from "#plugins/dashboard/logs/search.js";
import { TestGateway } from "../test/e2e/gateway.js";
import { bigShape, type Filled, fill, SMALL_SHAPE } from "./filled.js";
import { median } from "./median.js";

/*
 * The dashboard's answers over HTTP with a thousand turns in the ledger and with a million, and the newest page of a month
 * of logs, with a megabyte and a gigabyte; both compared with the predecessor, which parsed every line. bench/ledger.ts
 * measures the ledger alone. Run: node --import tsx bench/dashboard.ts [megabytes of the big log] [turns]
 */

const BIG_MB = Number(process.argv[2] ?? 1024);
const BIG_TURNS = Number(process.argv[3] ?? 1_000_000);
const HTTP_ROUNDS = 300;
const HTTP_GOAL = 1.5;
const QUESTIONS = {
  overview: "/admin/overview",
  "sessions, page of 50": "/admin/sessions?limit=50",
  keys: "/admin/keys",
  "costs, 10 days": "/admin/costs?limit=10",
  "statistics, 30 days": "/admin/statistics?range=30d",
  "statistics, 24 hours": "/admin/statistics?range=24h",
  budgets: "/admin/budgets",
  "requests, page of 50": "/admin/requests?limit=50",
  approvals: "/admin/approvals?limit=20",
  "a session": "/admin/sessions/SESSION",
  "a session's turns": "/admin/sessions/SESSION/turns?limit=20",
} as const;
/** Pages that look at turns which no page has looked at before, or for what none has; bounded, but not alike. */
const FIRST_LOOKS = {
  "statistics of 12 months, the first time": "/admin/statistics?range=12m",
  "requests without a match": "/admin/requests?metadata=no%3Dmatch",
  "text without a match": "/admin/requests?text=no-match",
} as const;
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

/** A month of one key's log; `isEnough` receives its bytes and lines. */
function writeLog(isEnough: (bytes: number, count: number) => boolean): string {
  const dir = mkdtempSync(join(tmpdir(), "claudeway-bench-"));
  mkdirSync(join(dir, "a"));
  const file = join(dir, "a", `${MONTH}.log`);
  const batch = 4000;
  for (let from = 0, size = 0; !isEnough(size, from); from += batch) {
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

/** The predecessor's overview: parses and sums every line of every log. */
async function overviewOfLines(file: string): Promise<number> {
  const { createReadStream } = await import("node:fs");
  const { createInterface } = await import("node:readline");
  const started = performance.now();
  const byModel = new Map<string, number>();
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { model, cost_usd } = JSON.parse(line);
    byModel.set(model, (byModel.get(model) ?? 0) + cost_usd);
  }
  if (byModel.size === 0) throw new Error("no lines");
  return performance.now() - started;
}

async function timedRequest(gateway: TestGateway, path: string): Promise<number> {
  const started = performance.now();
  const { status } = await gateway.request(path);
  if (status !== 200) throw new Error(`${path}: ${status}`);
  return performance.now() - started;
}

async function sessionOf(gateway: TestGateway): Promise<string> {
  const { body } = await gateway.request<{ sessions: { session_id: string }[] }>("/admin/sessions?limit=1");
  return body.sessions[0]?.session_id ?? "";
}

/** How long a page needs to be whole the first time, and the longest time that another request waits meanwhile. */
async function firstLooks(gateway: TestGateway): Promise<void> {
  for (const [what, path] of Object.entries(FIRST_LOOKS)) {
    const started = performance.now();
    let slowest = 0;
    for (let missing = 1; missing > 0; ) {
      const { body } = await gateway.request<{ missing?: number }>(path);
      missing = body.missing ?? 0;
      slowest = Math.max(slowest, await timedRequest(gateway, "/health"));
    }
    process.stdout.write(
      `${what}: ${(performance.now() - started).toFixed(0)} ms with ${BIG_TURNS} turns; /health meanwhile at most ${slowest.toFixed(0)} ms\n`,
    );
  }
}

/** Asks both gateways in turn, so that whatever else the machine does slows both alike. */
async function compareOverHttp(small: TestGateway, big: TestGateway, parsedMs: number): Promise<void> {
  const sessions = [await sessionOf(small), await sessionOf(big)];
  const pathOf = (path: string, of: number) => path.replace("SESSION", sessions[of] ?? "");
  for (const [what, path] of Object.entries(QUESTIONS)) {
    const times: [number[], number[]] = [[], []];
    for (let round = -30; round < HTTP_ROUNDS; round++) {
      const [one, other] = [
        await timedRequest(small, pathOf(path, 0)),
        await timedRequest(big, pathOf(path, 1)),
      ];
      if (round < 0) continue;
      times[0].push(one);
      times[1].push(other);
    }
    const [one, other] = [median(times[0]), median(times[1])];
    process.stdout.write(
      `${what} over HTTP: ${SMALL_SHAPE.turns} turns ${one.toFixed(2)} ms, ${BIG_TURNS} turns ${other.toFixed(2)} ms, ` +
        `ratio ${(other / one).toFixed(2)} (goal ${HTTP_GOAL}); every line parsed: ${parsedMs.toFixed(0)} ms\n`,
    );
    if (other / one > HTTP_GOAL) process.exitCode = 1;
  }
}

async function overHttp(): Promise<void> {
  const filled: Filled[] = [await fill(SMALL_SHAPE), await fill(bigShape(BIG_TURNS))];
  const logs = writeLog((_, count) => count >= BIG_TURNS);
  const gateways: TestGateway[] = [];
  try {
    for (const { dir } of filled) {
      gateways.push(await TestGateway.start({ args: ["--enable-plugin", "dashboard", "--data-dir", dir] }));
    }
    const [small, big] = gateways;
    if (small === undefined || big === undefined) throw new Error("two gateways are compared");
    await firstLooks(big);
    await compareOverHttp(small, big, await overviewOfLines(join(logs, "a", `${MONTH}.log`)));
  } finally {
    for (const gateway of gateways) await gateway.dispose();
    for (const dir of [...filled.map((one) => one.dir), logs]) rmSync(dir, { recursive: true, force: true });
  }
}

async function newestPages(): Promise<void> {
  const megabytes = (most: number) => (bytes: number) => bytes >= most * 1024 ** 2;
  const [small, big] = [writeLog(megabytes(1)), writeLog(megabytes(BIG_MB))];
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
}

await overHttp();
await newestPages();
