import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect } from "chai";
import { MARKER_VARIABLE } from "#core/marker.js";
import { startTimeOf } from "#engine-claude/proc.js";
import { endMarked, findMarked } from "#engine-claude/reaper.js";
import { eventually } from "../e2e/poll.js";

describe("the reaper", () => {
  before(function () {
    if (process.platform !== "linux") this.skip();
  });

  let prefix: string;
  beforeEach(() => {
    prefix = randomUUID();
  });
  afterEach(() => endMarked(prefix, 0));

  /** Starts a process and waits until it says that it is there. */
  async function start(script: string, marker = `${prefix}.1`): Promise<ChildProcess> {
    const child = spawn(
      process.execPath,
      ["-e", `${script}; console.log("there"); setTimeout(() => {}, 60000)`],
      {
        env: { ...process.env, [MARKER_VARIABLE]: marker },
        stdio: ["ignore", "pipe", "ignore"],
        detached: true,
      },
    );
    await once(child.stdout, "data");
    return child;
  }

  const pids = async (of = prefix) => (await findMarked(of)).map(({ pid }) => pid);

  it("finds only processes with a marker of the prefix", async () => {
    const own = await start("");
    const other = await start("", `${randomUUID()}.1`);
    try {
      expect(await pids()).to.deep.equal([own.pid]);
      expect(await pids(`${prefix}.2`)).to.deep.equal([]);
    } finally {
      other.kill("SIGKILL");
    }
  });

  it("finds a marker behind another gateway's", async () => {
    const child = await start("", `${randomUUID()}.1,${prefix}.1`);
    expect(await pids()).to.deep.equal([child.pid]);
  });

  it("finds and ends hidden processes: without the marker, in their own session, orphaned", async () => {
    const script = `require("node:child_process").spawn("sh", ["-c", "(sleep 60 &); exec sleep 60"], { stdio: "ignore", detached: true, env: { PATH: process.env.PATH } }).unref()`;
    await start(script);
    const sleeping = (pid: number) => commandOf(pid) === "sleep\n";
    // Not the shells that come before them: those end by themselves.
    await eventually("all of them", async () => (await pids()).filter(sleeping).length === 2);
    expect(await endMarked(prefix)).to.be.at.least(3);
    expect(await pids()).to.deep.equal([]);
  });

  it("sends TERM first: a process that cleans up ends by itself", async () => {
    const child = await start(`process.on("SIGTERM", () => process.exit(7))`);
    const exit = once(child, "exit");
    await endMarked(prefix);
    expect(await exit).to.deep.equal([7, null]);
  });

  it("kills a process that ignores TERM", async () => {
    const child = await start(`process.on("SIGTERM", () => {})`);
    const exit = once(child, "exit");
    expect(await endMarked(prefix, 100)).to.equal(1);
    expect(await exit).to.deep.equal([null, "SIGKILL"]);
  });

  it("does nothing without leftovers", async () => {
    expect(await endMarked(prefix)).to.equal(0);
  });

  it("distinguishes processes with one pid by their start time", async () => {
    expect(await startTimeOf(process.pid)).to.be.above(0);
    expect(await startTimeOf(2 ** 22 + 1)).to.equal(undefined);
  });

  it("is the only import of the sweep, so that it starts early", () => {
    const sources = [...importedBy(createRequire(import.meta.url).resolve("#engine-claude/sweep.js"))];
    const names = sources.map((source) => source.replace(/^.*\//, ""));
    expect(names.sort()).to.deep.equal(["marker.js", "proc.js", "reaper.js", "sweep.js"]);
  });
});

/** A module's path and those of all that it imports; what comes with Node is left out. */
function importedBy(path: string, found = new Set<string>()): Set<string> {
  if (found.has(path)) return found;
  found.add(path);
  const { resolve } = createRequire(path);
  for (const [, name = ""] of readFileSync(path, "utf8").matchAll(/from "([^"]+)"/g)) {
    if (!name.startsWith("node:")) importedBy(resolve(name), found);
  }
  return found;
}

/** The name of a process's program; undefined for one that has gone since it was found. */
function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8");
  } catch {
    return undefined;
  }
}
