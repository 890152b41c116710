import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { pino } from "pino";
import { OrphanGuard } from "#engine-claude/orphan-guard.js";
import { startTimeOf } from "#engine-claude/proc.js";
import { eventually } from "../e2e/poll.js";
import { temporaryFolder } from "../temporary.js";

const LOG = pino({ level: "silent" });
/** Much longer than a guard needs to look, on a busy machine too. */
const LONG_MS = 60_000;

describe("the guard of a node", () => {
  let guard: OrphanGuard;
  let children: ChildProcess[];
  let prefix: string;

  beforeEach(function () {
    if (process.platform !== "linux") this.skip();
    prefix = `guard-test-${process.pid}-${Date.now()}`;
    guard = new OrphanGuard(prefix, LOG);
    children = [];
  });

  afterEach(async () => {
    await guard?.close();
    for (const child of children) child.kill("SIGKILL");
  });

  /** A process as the engine starts them; `strange`: by a tool of one, in a session of its own. */
  function start(strange = false): { readonly child: ChildProcess; readonly gone: Promise<unknown> } {
    const child = spawn("sleep", ["600"], {
      detached: true,
      stdio: "ignore",
      env: { ...process.env, CLAUDEWAY_PROCESS: `${prefix}.x` },
    });
    children.push(child);
    const { pid } = child;
    if (pid === undefined) throw new Error("no process");
    if (!strange) guard.began({ pid, startTime: startTimeOf(pid) ?? 0 });
    return { child, gone: once(child, "exit") };
  }

  it("ends all processes when nothing was heard for the time that was said", async () => {
    const [known, strange] = [start(), start(true)];
    guard.mayWork(500);
    await Promise.all([known.gone, strange.gone]);
  });

  it("ends those that began after the last word too", async () => {
    guard.mayWork(1000);
    await sleep(100);
    await start().gone;
  });

  it("waits for the last of several times", async () => {
    const { child, gone } = start();
    guard.mayWork(300);
    guard.mayWork(LONG_MS);
    await sleep(1500);
    expect(child.exitCode ?? child.signalCode).to.equal(null);
    guard.mayWork(1);
    await gone;
  });

  it("ends nothing when it was closed in time", async () => {
    const { child } = start();
    guard.mayWork(300);
    await guard.close();
    await sleep(1500);
    expect(child.exitCode ?? child.signalCode).to.equal(null);
  });

  it("keeps to the time when it is replaced", async () => {
    const { gone } = start();
    guard.mayWork(1500);
    if (guard.pid !== undefined) process.kill(guard.pid, "SIGKILL");
    await gone;
  });

  it("ends nothing that begins after it was renewed, also if it was ending all", async () => {
    await guard.close();
    guard = guardThatStops();
    const first = start();
    guard.mayWork(1);
    await eventually("a sweep", () => sweepOf(prefix));
    first.child.kill("SIGKILL");
    await first.gone;
    guard.renew();
    const { child } = start();
    await eventually("no sweep", () => sweepOf(prefix) === undefined);
    guard.mayWork(LONG_MS);
    // The new guard has read the words that came before this one.
    const second = start(true);
    expect(child.exitCode ?? child.signalCode).to.equal(null);
    guard.mayWork(1);
    await Promise.all([second.gone]);
  });

  /** A guard whose sweep stops as it begins; one that takes its place is as usual. */
  function guardThatStops(): OrphanGuard {
    const node = process.execPath;
    process.execPath = join(temporaryFolder("guard-"), "node");
    writeFileSync(process.execPath, `#!/bin/sh\nkill -STOP $$\nexec "${node}" "$@"\n`, { mode: 0o700 });
    try {
      return new OrphanGuard(prefix, LOG);
    } finally {
      process.execPath = node;
    }
  }

  it("says nothing about time outside a cluster", async () => {
    const { child } = start();
    await sleep(1000);
    expect(child.exitCode ?? child.signalCode).to.equal(null);
  });
});

/** The process that ends everything with this marker. */
function sweepOf(prefix: string): number | undefined {
  const found = readdirSync("/proc").find((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const line = readFileSync(`/proc/${name}/cmdline`, "utf8");
      return line.includes("/sweep.js\0") && line.includes(prefix) && !line.startsWith("/bin/sh\0-c\0");
    } catch {
      return false;
    }
  });
  return found === undefined ? undefined : Number(found);
}
