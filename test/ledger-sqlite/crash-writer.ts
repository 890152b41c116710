import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { writeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { newSession, newTurn, outcome, seeded, tokens, usageOf } from "../ledger/fixture.js";

/*
 * A process to be killed: it writes turns, and says on stdout (a file) what was acknowledged, at once and in order.
 * Arguments: the data folder, a seed, and when it is to be killed: "ms" so long after its first write, by a thread of
 * its own, so that it may hit the middle of a transaction; or "write", after so many writes.
 */

const [, , dataDir = "", seed = "", unit = "", after = ""] = process.argv;
const killer = new Worker(
  `require("node:worker_threads").parentPort.once("message", (ms) =>
     setTimeout(() => process.kill(process.pid, "SIGKILL"), ms));`,
  { eval: true },
);
await once(killer, "online");
const random = seeded(Number(seed));
const upTo = (most: number): number => Math.floor(random() * most);
const ledger = await openLedger({ dataDir });
let writes = 0;

function acknowledge(what: string, id: string, details: unknown = null): void {
  writes += 1;
  writeSync(1, `${JSON.stringify([what, id, details])}\n`);
  if (unit === "ms" && writes === 1) killer.postMessage(Number(after));
  if (unit === "write" && writes === Number(after)) process.kill(process.pid, "SIGKILL");
}

async function runTurns(keyId: string): Promise<void> {
  const session = newSession({ keyId });
  await ledger.sessions.create(session);
  acknowledge("session", session.id);
  for (let i = 0; ; i++) {
    const turn = newTurn(session, { createdAt: new Date().toISOString() });
    const claim = {
      keyId,
      route: "POST /task",
      idempotencyKey: randomUUID(),
      bodyHash: "h",
      turnId: turn.id,
      at: turn.createdAt,
    };
    await ledger.idempotency.claim(claim);
    await ledger.turns.begin(turn, { epoch: 0 });
    acknowledge("begin", turn.id, claim);
    const delivered = tokens(upTo(10), upTo(100));
    const child = { pid: process.pid, startTime: i, marker: "m" };
    await ledger.turns.recordUsage(turn.id, usageOf("claude-sonnet", delivered, null, true), child);
    acknowledge("process", turn.id, i);
    acknowledge("usage", turn.id, delivered);
    if (i % 5 === 4) continue;
    const used = tokens(upTo(20), upTo(4000), upTo(90_000), upTo(9000));
    const usage = usageOf("claude-sonnet", used, (used.input * 3000 + used.output * 15000) / 1e9);
    const cliTotals = {
      bases: [{ n: { input: i, output: 0, cacheRead: 0, cacheWrite: 0, costUsd: 0 } }],
    } as const;
    await ledger.turns.end(turn.id, outcome(turn, usage), { at: new Date().toISOString(), cliTotals });
    acknowledge("end", turn.id, { usage, cliTotals });
    // Lets the other sessions' turns in between.
    await new Promise(setImmediate);
  }
}

await Promise.all(["admin", "ci", "batch", "chat"].map(runTurns));
