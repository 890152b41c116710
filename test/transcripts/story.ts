import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { SessionTotals } from "@claudeway/ports";
import { expect } from "chai";
import { agent } from "../e2e/background-kit.js";
import { bash } from "../e2e/conversation.js";
import { Meter } from "./money.js";
import type { Home, TwoHomes } from "./two-homes.js";
import { endBy, engineFor, INTERRUPTED, isApart, type Way } from "./ways.js";

export const KINDS = ["plain", "deferred call", "/clear", "subagent"] as const;
export type Kind = (typeof KINDS)[number];

/** A deferred call leaves no process, and so none to be killed. */
export function isPossible(kind: Kind, way: Way): boolean {
  return kind !== "deferred call" || !(way.includes("CLI") || way === "idle" || way.endsWith("in a turn"));
}

interface Before {
  readonly totals: SessionTotals | undefined;
  /** The prompts that the conversation has. */
  readonly prompts: readonly string[];
  readonly parkedCall?: string | undefined;
}

/** A session at one node, then at another in a folder or the same, then back at the first: with all it had. */
export async function tell(homes: TwoHomes, kind: Kind, way: Way, folder: "same" | "other"): Promise<void> {
  const meter = new Meter(homes.model);
  const session = await homes.session();
  const a = await homes.home("a", { apart: isApart(way), engine: engineFor(way) });
  const b = await homes.home("b", folder === "same" ? {} : { workdir: "elsewhere" });
  await a.claim(session);
  const before = await begin(a, session, kind, meter);
  const totals = await endBy(way, { homes, home: a, session }, before.totals);
  const prompts = way.endsWith("in a turn") ? [...before.prompts, INTERRUPTED] : before.prompts;
  meter.since();
  await b.claim(session);
  const last = await goOn(b, session, { ...before, totals, prompts }, meter);
  await b.handOver(session);
  // The first node's file is of before.
  const again = isApart(way) ? await homes.home("a") : a;
  await again.claim(session);
  await goOn(again, session, last, meter);
  await again.handOver(session);
}

async function begin(home: Home, session: string, kind: Kind, meter: Meter): Promise<Before> {
  const { engine } = home;
  if (kind === "deferred call") {
    rmSync(join(home.workdir, "ran"), { force: true });
    const prompt = `one ${bash("echo ran >> ran")} [[words 3]]`;
    const first = await engine.run(prompt, { session, answer: "defer" });
    expect(first.result.end).to.equal("parked");
    return { totals: first.totals.at(-1), prompts: [prompt], parkedCall: first.result.deferred };
  }
  const prompt = kind === "subagent" ? `one ${agent("[[words 4]]", false)}` : "one [[words 3]]";
  const first = await engine.run(prompt, { session });
  meter.expectCost(first.result.usage);
  const totals = first.totals.at(-1);
  if (kind !== "/clear") return { totals, prompts: [prompt] };
  const cleared = await engine.run("/clear", { session, resume: true, totals });
  expect(cleared.totals.at(-1)?.session).not.to.equal(undefined);
  const after = { session, resume: true, totals: cleared.totals.at(-1) };
  const second = await engine.run("two [[words 2]]", after);
  return { totals: second.totals.at(-1), prompts: ["two [[words 2]]"] };
}

/** The next turns at a node: they know the conversation, and cost what they cost. */
async function goOn(home: Home, session: string, { totals, prompts, parkedCall }: Before, meter: Meter) {
  const { engine } = home;
  let known = totals;
  if (parkedCall !== undefined) {
    const resumed = await engine.run("", { session, resume: true, totals, parkedCall, answer: "allow" });
    expect(resumed.result).to.include({ end: "completed", text: "word1 word2 word3" });
    expect(readFileSync(join(home.workdir, "ran"), "utf8")).to.equal("ran\n");
    known = resumed.totals.at(-1);
    meter.expectCost(resumed.result.usage);
  }
  const asked = await engine.run("[[recall]]", { session, resume: true, totals: known });
  expect(asked.result.error).to.equal(null);
  for (const prompt of prompts) expect(asked.result.text).to.contain(JSON.stringify(prompt).slice(1, -1));
  expect(asked.result.text).to.contain(`${prompts.length} earlier prompt`);
  meter.expectCost(asked.result.usage);
  const live = await engine.run("[[words 2]] more", { session, resume: true, totals: asked.totals.at(-1) });
  expect(live.result.process).to.equal("live");
  meter.expectCost(live.result.usage);
  return { totals: live.totals.at(-1), prompts: [...prompts, "[[recall]]", "[[words 2]] more"] };
}
