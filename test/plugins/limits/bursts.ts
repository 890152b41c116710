import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { newFolder, seeded } from "../../ledger/fixture.js";

/** Of each key. */
export const BUDGET_USD = 1;
export const MAX_RUNNING = 6;
/** What a turn reserves at a time, by default. */
const RESERVED_USD = 0.1;
/** What the model deals at a time: at list prices of Sonnet. */
export const MESSAGE = { input: 10_000, output: 10_000, usd: 0.18 } as const;

/** What a prompt makes the engine do. */
export interface Script {
  readonly messages: number;
  readonly waitMs: number;
  /** False: the CLI reports no cost, and the price of the model is learned later. */
  readonly priced: boolean;
}

/** What came of all bursts. */
export interface BurstReport {
  bursts: number;
  turns: number;
  kills: number;
  /** Bursts whose price became known after their turns. */
  pricedLater: number;
  /** Requests that a budget refused. */
  refused: number;
  /** Bursts that used up their budget. */
  full: number;
  /** The most that a burst spent above its budget, in messages, and what it might have. */
  worst: { over: number; allowed: number };
}

const GATEWAY = fileURLToPath(new URL("burst-gateway.ts", import.meta.url));
const WAYS = ["plain", "stream", "gone", "detached", "interrupted"] as const;
const NANO = 1e-9;

/**
 * Bursts of parallel turns, each by a key with a budget of its own, over one ledger; the gateway is killed in some of them.
 * Checks after each that what was dealt is within the bound, and that the counters and the ledger say the same.
 */
export async function runBursts(seed: number, count: number): Promise<BurstReport> {
  const random = seeded(seed);
  const below = (most: number) => Math.floor(random() * most);
  const ids = Array.from({ length: count }, (_, index) => `burst-${index}`);
  const gateway = new KillableGateway(newFolder(), ["admin", "teacher", ...ids]);
  const report: BurstReport = {
    bursts: 0,
    turns: 0,
    kills: 0,
    pricedLater: 0,
    refused: 0,
    full: 0,
    worst: { over: Number.NEGATIVE_INFINITY, allowed: 0 },
  };
  await gateway.launch();
  try {
    for (const id of ids) await runBurst(id);
    await checkSums(gateway, ids, report.pricedLater);
  } finally {
    await gateway.end("SIGTERM");
  }
  return report;

  async function runBurst(id: string): Promise<void> {
    const priced = below(4) > 0;
    const killed = below(5) === 0;
    const parallel = 2 + below(11);
    let lost = 0;
    if (killed) {
      const turns = wave(id, parallel, priced);
      await sleep(below(120));
      await gateway.end("SIGKILL");
      report.kills++;
      await Promise.all(turns);
      await gateway.launch();
      await ended(id);
      lost = await lostIn(id, Math.min(parallel, MAX_RUNNING));
    }
    const statuses = await Promise.all(wave(id, parallel, priced));
    await ended(id);
    if (!priced) {
      report.pricedLater++;
      const script = { messages: 1, waitMs: 0, priced: true };
      await runTurn(gateway, "teacher", script, { way: "plain", leaveMs: 0, model: `sonnet-of-${id}` });
      await eventually("the price is counted", async () => isWhole((await stateOf(gateway, id)).used));
    }
    const refused = statuses.filter((status) => status === 402).length;
    report.refused += refused;
    report.bursts++;
    report.turns += killed ? 2 * parallel : parallel;
    await checkBurst(id, { running: Math.min(parallel, MAX_RUNNING), priced, lost });
  }

  function wave(id: string, parallel: number, priced: boolean): Promise<number>[] {
    return Array.from({ length: parallel }, async () => {
      const script = { messages: 1 + below(8), waitMs: below(15), priced };
      const way = WAYS[below(WAYS.length)] ?? "plain";
      const leaveMs = below(60);
      await sleep(below(20));
      return runTurn(gateway, id, script, { way, leaveMs, model: `sonnet-of-${id}` });
    });
  }

  async function ended(id: string): Promise<void> {
    await eventually("all turns have ended", async () => (await stateOf(gateway, id)).reserved === 0);
  }

  /**
   * What the gateway had not recorded when it was killed, in USD. The CLI writes its messages down, and the next start reads
   * them; this engine does not: of each turn, the message of which it tells and the one that is being recorded are lost.
   */
  async function lostIn(id: string, running: number): Promise<number> {
    const { used } = await stateOf(gateway, id);
    const lost = gateway.dealt(id) * MESSAGE.usd - used;
    expect(lost, `${id}: lost`).to.be.at.most(2 * running * MESSAGE.usd + NANO);
    return Math.max(0, lost);
  }

  async function checkBurst(
    id: string,
    { running, priced, lost }: { readonly running: number; readonly priced: boolean; readonly lost: number },
  ): Promise<void> {
    const dealt = gateway.dealt(id) * MESSAGE.usd - lost;
    const { used } = await stateOf(gateway, id);
    const bound = BUDGET_USD + running * MESSAGE.usd;
    expect(dealt, `${id}: dealt`).to.be.at.most(bound + NANO);
    // Without a price, what was reserved counts, which is more than what was used by a part of a step.
    const least = dealt - running * (MESSAGE.usd + (priced ? 0 : RESERVED_USD));
    expect(used, `${id}: counted`).to.be.within(least - NANO, dealt + Math.max(0, lost) + NANO);
    if (priced) expect(await costOf(gateway, id), `${id}: in the ledger`).to.be.closeTo(used, NANO);
    if (used >= BUDGET_USD - NANO) report.full++;
    const over = (dealt - BUDGET_USD) / MESSAGE.usd;
    if (over > report.worst.over) report.worst = { over, allowed: running };
  }
}

/** The counter that all keys share has what those of the keys have together. */
async function checkSums(gateway: KillableGateway, ids: readonly string[], taught: number): Promise<void> {
  let sum = taught * MESSAGE.usd;
  for (const id of ids) sum += (await stateOf(gateway, id)).used;
  const shared = await gateway.limitsOf("admin");
  expect(shared.find(({ limit }) => limit === "budget:everything")?.used).to.be.closeTo(sum, 1e-6);
}

interface Way {
  readonly way: (typeof WAYS)[number];
  /** When the client leaves, if it does. */
  readonly leaveMs: number;
  readonly model: string;
}

/** Resolves to the status; 0 if the client or the gateway left. */
async function runTurn(gateway: KillableGateway, key: string, script: Script, { way, leaveMs, model }: Way) {
  const body = { prompt: JSON.stringify(script), model, verbatim: true, detach: way === "detached" };
  const leaves = way === "gone" || way === "detached";
  const signal = leaves ? AbortSignal.timeout(leaveMs) : undefined;
  const path = way === "plain" || way === "interrupted" ? "/task" : "/task/stream";
  try {
    const response = gateway.fetch(path, key, { body: JSON.stringify(body), signal });
    if (way === "interrupted") void interruptAll(gateway, key, leaveMs);
    const answer = await response;
    const text = await answer.text();
    return text.includes('"PAYMENT_REQUIRED"') ? 402 : answer.status;
  } catch {
    return 0;
  }
}

async function interruptAll(gateway: KillableGateway, key: string, afterMs: number): Promise<void> {
  await sleep(afterMs);
  try {
    const { tasks }: { tasks: { session_id: string }[] } = await gateway.read("/tasks?limit=3", key);
    for (const { session_id } of tasks)
      await gateway.fetch(`/session/${session_id}/interrupt`, key, { body: "{}" });
  } catch {
    // The gateway was killed meanwhile.
  }
}

interface LimitState {
  readonly limit: string;
  readonly used: number;
  readonly reserved: number;
}

async function stateOf(gateway: KillableGateway, id: string): Promise<LimitState> {
  const limits = await gateway.limitsOf(id);
  const own = limits.find(({ limit }) => limit === "budget:own");
  if (own === undefined) throw new Error(`${id} has no budget`);
  return own;
}

function isWhole(usd: number): boolean {
  const messages = usd / MESSAGE.usd;
  return Math.abs(messages - Math.round(messages)) < 1e-6;
}

async function costOf(gateway: KillableGateway, id: string): Promise<number> {
  const { keys }: { keys: { key_id: string; total_cost_usd: number | null }[] } = await gateway.read(
    "/admin/keys?limit=1000",
    "admin",
  );
  return keys.find(({ key_id }) => key_id === id)?.total_cost_usd ?? 0;
}

/** A gateway in a process of its own, on data that outlives it. */
class KillableGateway {
  #child: ChildProcess | undefined;
  #url = "";
  #secrets: Readonly<Record<string, string>> = {};

  constructor(
    readonly dir: string,
    private readonly keys: readonly string[],
  ) {}

  async launch(): Promise<void> {
    const args = [
      "--no-warnings",
      "--conditions=unbundled",
      "--import",
      "tsx",
      GATEWAY,
      this.dir,
      this.keys.join(","),
    ];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#child = child;
    const failed = once(child, "exit").then(([code]) => {
      throw new Error(`the gateway did not start: exit status ${code}`);
    });
    failed.catch(() => undefined);
    const [line] = await Promise.race([once(createInterface(child.stdout), "line"), failed]);
    ({ url: this.#url, keys: this.#secrets } = JSON.parse(String(line)));
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  fetch(path: string, key: string, more: { body?: string; signal?: AbortSignal | undefined } = {}) {
    const { body, signal } = more;
    return fetch(this.#url + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${this.#secrets[key]}`, "content-type": "application/json" },
      ...(body !== undefined && { body }),
      ...(signal !== undefined && { signal }),
    });
  }

  async read<T>(path: string, key: string): Promise<T> {
    const response = await this.fetch(path, key);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json() as Promise<T>;
  }

  async limitsOf(id: string): Promise<readonly LimitState[]> {
    return (await this.read<{ limits: readonly LimitState[] }>(`/limits?key=${id}`, "admin")).limits;
  }

  /** How many messages the engine dealt to turns of the key. */
  dealt(key: string): number {
    const file = join(this.dir, "dealt");
    if (!existsSync(file)) return 0;
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line === key).length;
  }
}
