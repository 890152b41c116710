import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { IdempotencyClaim, TurnRecord } from "@claudeway/ports";
import { expect } from "chai";
import { type OpenedTables, openTables } from "#ledger-sqlite/sqlite-ledger.js";
import { newFolder, seeded } from "../ledger/fixture.js";
import { recount } from "./recount.js";

const WRITER = fileURLToPath(new URL("crash-writer.ts", import.meta.url));

type Acknowledged = readonly [what: string, id: string, details: unknown];

/** Runs the writer until it is killed; returns what it had acknowledged. */
export async function write(
  dataDir: string,
  seed: number,
  killed: { ms: number } | { write: number },
): Promise<Acknowledged[]> {
  const when = Object.entries(killed).flat().map(String);
  const args = [
    "--no-warnings",
    "--conditions=unbundled",
    "--import",
    "tsx",
    WRITER,
    dataDir,
    String(seed),
    ...when,
  ];
  // Stdout is a file: a full pipe would drop a line.
  const acknowledged = join(dataDir, "acknowledged");
  const stdout = openSync(acknowledged, "w");
  const child = spawn(process.execPath, args, { stdio: ["ignore", stdout, "inherit"] });
  closeSync(stdout);
  const [, signal] = await once(child, "exit");
  expect(signal).to.equal("SIGKILL");
  // The kill may have truncated the last line, which then does not count.
  const lines = readFileSync(acknowledged, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

/** Everything acknowledged is there, and the sums are right; then the lost turns are booked, and they still are. */
export async function inspect(dataDir: string, acknowledged: readonly Acknowledged[]): Promise<number> {
  const opened = await openTables({ dataDir });
  const { tables, database, close } = opened;
  database.perform(tables.idempotency.forgetUnbegun());
  expect(database.one("PRAGMA integrity_check")).to.include({ integrity_check: "ok" });
  for (const line of acknowledged) check(opened, line);
  const ended = new Set(acknowledged.filter(([what]) => what === "end").map(([, id]) => id));
  expect(database.perform(tables.turns.running()).filter((turn) => ended.has(turn.id))).to.deep.equal([]);
  const compare = (): void => {
    for (const { what, kept, found } of recount(database)) expect(kept, what).to.deep.equal(found);
  };
  compare();
  const lost = database.perform(tables.turns.running());
  for (const turn of lost)
    database.perform(tables.turns.markLost(turn.id, { at: new Date().toISOString(), respond: answer }));
  compare();
  close();
  return lost.length;
}

function check({ tables, database }: OpenedTables, [what, id, details]: Acknowledged): void {
  if (what === "session") {
    expect(database.perform(tables.sessions.get(id))?.id).to.equal(id);
    return;
  }
  const turn = database.perform(tables.turns.get(id));
  if (turn === undefined) throw new Error(`${what} of ${id} was acknowledged, and it is not there`);
  if (what === "begin")
    expect(
      database.perform(tables.idempotency.claim({ ...claimOf(details), turnId: "another" })),
    ).to.deep.equal({
      turnId: id,
    });
  if (what === "process") expect(turn.process?.startTime).to.equal(details);
  if (what === "usage" && turn.ended === undefined) expect(turn.usage.tokens).to.deep.equal(details);
  if (what === "end") {
    expect(turn.usage.tokens).to.deep.equal(usageOf(details).tokens);
    expect(turn.usage.costUsd).to.equal(usageOf(details).costUsd);
    expect(database.perform(tables.turns.response(id))?.cost_usd).to.equal(usageOf(details).costUsd);
    expect(database.perform(tables.sessions.get(turn.sessionId))?.cliTotals).to.not.equal(undefined);
  }
}

/** How many writes were acknowledged in a ledger's life, and how many turns were lost. */
export interface Life {
  readonly acknowledged: number;
  readonly lost: number;
}

/** One ledger's life: killed ten times at moments that follow from the seed, and gone on with each time. */
export async function live(seed: number): Promise<Life> {
  const dataDir = newFolder();
  const random = seeded(seed);
  let acknowledged = 0;
  let lost = 0;
  for (let kill = 1; kill <= 10; kill++) {
    const lines = await write(dataDir, 100 * seed + kill, { ms: random() * 100 });
    acknowledged += lines.length;
    lost += await inspect(dataDir, lines);
  }
  return { acknowledged, lost };
}

function answer(turn: TurnRecord) {
  const { tokens, costUsd } = turn.usage;
  return {
    session_id: turn.sessionId,
    result: "",
    success: false,
    duration_ms: 0,
    tokens,
    cost_usd: costUsd,
    error: "lost",
  };
}

/** What the writer said, which is ours and has this shape. */
function claimOf(details: unknown): IdempotencyClaim {
  const claim: IdempotencyClaim = JSON.parse(JSON.stringify(details));
  return claim;
}

function usageOf(details: unknown): TurnRecord["usage"] {
  const { usage }: { usage: TurnRecord["usage"] } = JSON.parse(JSON.stringify(details));
  return usage;
}
