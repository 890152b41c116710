import { existsSync } from "node:fs";
import { join } from "node:path";
import type { SessionTotals } from "@claudeway/ports";
import { afterLoss } from "#engine-claude/index.js";
import { writtenSince } from "#engine-claude/written-usage.js";
import { bash } from "../e2e/conversation.js";
import { eventually } from "../e2e/poll.js";
import type { HomeEngine } from "./home-engine.js";
import { HomeProcess } from "./home-process.js";
import type { Home, TwoHomes } from "./two-homes.js";

/** How a node's process of a session ends, and the session with it. */
export const WAYS = [
  "handed over",
  "idle",
  "gateway ended by SIGTERM",
  "CLI killed",
  "gateway killed",
  "CLI killed in a turn",
  "gateway killed in a turn",
] as const;
export type Way = (typeof WAYS)[number];

/** Whether the way needs an engine in a process of its own. */
export function isApart(way: Way): boolean {
  return way.startsWith("gateway");
}

/** The options of the first node's engine. */
export function engineFor(way: Way): { readonly idleMs?: number } {
  return way === "idle" ? { idleMs: 100 } : {};
}

/** What the interrupted turn is asked for. */
export const INTERRUPTED = `interrupted ${bash("touch began && node -e 'setTimeout(()=>{},60000)'")}`;

/** Ends it, and frees the session. Resolves to the session's totals, as the next node finds them in the ledger. */
export async function endBy(
  way: Way,
  { homes, home, session }: { homes: TwoHomes; home: Home; session: string },
  totals: SessionTotals | undefined,
): Promise<SessionTotals | undefined> {
  const { engine } = home;
  if (way === "handed over") {
    await home.handOver(session);
    return totals;
  }
  if (way === "idle") {
    await eventually("the idle process's end", async () => home.stage?.engine.processes === 0);
    await home.handOver(session);
    return totals;
  }
  if (way === "CLI killed") {
    await killCli(home);
    await home.handOver(session);
    return totals;
  }
  if (way === "CLI killed in a turn") {
    const running = interrupted(engine, session, totals);
    await begun(home);
    await killCli(home);
    const after = (await running)?.totals.at(-1);
    await home.handOver(session);
    return after ?? totals;
  }
  const process = apart(engine);
  if (way === "gateway killed in a turn") {
    const since = new Date();
    void interrupted(engine, session, totals);
    await begun(home);
    const stored = () => storedOf(homes, home, { session, since, totals });
    await eventually("the turn's beginning is stored", stored);
    await process.end("SIGKILL");
    await home.bury();
    const written = await stored();
    if (written === undefined) throw new Error("nothing of the lost turn is stored");
    return written.totals ?? afterLoss(totals, written.used);
  }
  await process.end(way === "gateway killed" ? "SIGKILL" : "SIGTERM");
  await home.bury();
  return totals;
}

/** What another node finds of the turn: it has none of the files. */
async function storedOf(
  homes: TwoHomes,
  home: Home,
  { session, since, totals }: { session: string; since: Date; totals: SessionTotals | undefined },
) {
  const elsewhere = { ...home.env, CLAUDE_CONFIG_DIR: join(homes.dir, "undertaker") };
  const conversation = totals?.session ?? session;
  return writtenSince(conversation, elsewhere, since, totals, homes.ledger.transcripts);
}

async function interrupted(engine: HomeEngine, session: string, totals: SessionTotals | undefined) {
  try {
    return await engine.run(INTERRUPTED, { session, resume: totals !== undefined, totals });
  } catch {
    return undefined;
  }
}

async function begun(home: Home): Promise<void> {
  await eventually("the tool's begin", async () => existsSync(join(home.workdir, "began")));
}

async function killCli({ stage }: Home): Promise<void> {
  const pid = stage?.pid;
  if (pid === undefined) throw new Error("the CLI does not run");
  process.kill(pid, "SIGKILL");
  await eventually("the CLI's end", async () => stage?.engine.processes === 0);
}

function apart(engine: HomeEngine): HomeProcess {
  if (engine instanceof HomeProcess) return engine;
  throw new Error("the engine does not run in a process of its own");
}
