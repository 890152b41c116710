import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Ledger, TurnInfo } from "@claudeway/ports";
import { openPostgresLedger } from "#ledger-postgres/index.js";
import { startPostgres } from "../test/postgres.js";
import { type Home, TwoHomes } from "../test/transcripts/two-homes.js";
import { median } from "./median.js";

/*
 * What sharing conversations between nodes costs: what a turn stores, a turn with and without it, and laying a conversation out
 * at another node. Run: node --import tsx bench/transcripts.ts
 */

const TURNS = 40;
const MEGABYTE = 1024 * 1024;
const SIZES = [1, 10] as const;

interface Spent {
  readonly ms: number;
  readonly cpuMs: number;
}

async function turn(home: Home, session: TurnInfo["sessionId"], resume: boolean): Promise<Spent> {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  await home.engine.run("[[words 20]]", { session, resume });
  const { user, system } = process.cpuUsage(cpu);
  return { ms: performance.now() - began, cpuMs: (user + system) / 1000 };
}

/** Turns with and without, one after the other, so that what else the machine does meets both. */
async function compare(homes: TwoHomes, what: string): Promise<void> {
  const [shared, alone] = [await homes.home("shared"), await homes.home("alone", { alone: true })];
  const [one, other] = [await homes.session(), await homes.session()];
  await shared.claim(one);
  await turn(shared, one, false);
  await turn(alone, other, false);
  const first = await homes.ledger.transcripts.read(one, 0);
  const spent: { readonly shared: Spent[]; readonly alone: Spent[] } = { shared: [], alone: [] };
  for (let round = 0; round < TURNS; round++) {
    spent.shared.push(await turn(shared, one, true));
    spent.alone.push(await turn(alone, other, true));
  }
  const all = await homes.ledger.transcripts.read(one, first.at(-1)?.seq ?? 0);
  const lines = all.flatMap((part) => part.lines);
  const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
  const ratioOf = (of: (spent: Spent) => number) =>
    median(spent.shared.map(of)) / median(spent.alone.map(of));
  print(what, {
    "parts of the first turn": first.length,
    "bytes of the first turn": first.flatMap((part) => part.lines).join().length,
    "appends a turn": all.length / TURNS,
    "entries a turn": lines.length / TURNS,
    "bytes a turn": Math.round(bytes / TURNS),
    "ms a turn, shared": median(spent.shared.map(({ ms }) => ms)),
    "ms a turn, alone": median(spent.alone.map(({ ms }) => ms)),
    "time, ratio": ratioOf(({ ms }) => ms),
    "processor time of the gateway, ratio": ratioOf(({ cpuMs }) => cpuMs),
  });
}

/** A conversation of this size, in parts as a CLI's turns have them, at a node that has none of it. */
async function layOut(homes: TwoHomes, what: string, megabytes: number): Promise<void> {
  const session = await homes.session();
  const writer = await homes.home(`writer-${megabytes}`);
  const claim = await writer.claim(session);
  const line = JSON.stringify({ type: "user", uuid: "", message: { content: "x".repeat(500) } });
  const { transcripts } = homes.ledger;
  for (let at = 0; at * 2 * line.length < megabytes * MEGABYTE; at++) {
    const lines = [line.replace('""', `"${2 * at}"`), line.replace('""', `"${2 * at + 1}"`)];
    await transcripts.append(claim, { conversation: session, subpath: "", lines }, at);
  }
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const reader = await homes.home(`reader-${megabytes}-${round}`);
    const began = performance.now();
    const ref = { session, spawn: { cwd: reader.workdir, env: reader.env } };
    await reader.stage?.engine.conversations.outline(ref);
    times.push(performance.now() - began);
    const again = performance.now();
    await reader.stage?.engine.conversations.outline(ref);
    times[round] = (times[round] ?? 0) - (performance.now() - again);
    rmSync(join(homes.dir, `reader-${megabytes}-${round}`), { recursive: true, force: true });
  }
  print(what, { [`ms to lay out ${megabytes} MB`]: median(times) });
}

async function measure(what: string, ledger?: Ledger): Promise<void> {
  const homes = await TwoHomes.open(ledger);
  try {
    await compare(homes, what);
    for (const megabytes of SIZES) await layOut(homes, what, megabytes);
  } finally {
    await homes.close();
  }
}

function print(what: string, figures: Readonly<Record<string, number>>): void {
  for (const [name, figure] of Object.entries(figures))
    process.stdout.write(`${what}: ${name}: ${Number.isInteger(figure) ? figure : figure.toFixed(2)}\n`);
}

await measure("SQLite");
const postgres = await startPostgres();
try {
  await measure("PostgreSQL", await openPostgresLedger({ url: await postgres.urlOf("transcripts") }));
} finally {
  await postgres.close();
}
