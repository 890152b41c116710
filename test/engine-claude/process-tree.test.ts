import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { expect } from "chai";
import { markedEnvironment } from "#core/marker.js";
import { AdoptedProcesses } from "#engine-claude/adopted.js";
import { startTimeOf } from "#engine-claude/proc.js";
import { ProcessTree } from "#engine-claude/process-tree.js";
import { endAll, endMarked, findMarked } from "#engine-claude/reaper.js";
import { eventually } from "../e2e/poll.js";

/** Waits for a minute in a session of its own, with an environment of its own, as the child of a shell that stays. */
const HIDES = "env -i setsid --wait sleep 60 & wait";
const WAITS = "setTimeout(() => {}, 60000)";

describe("the tree of a process", () => {
  before(function () {
    if (process.platform !== "linux") this.skip();
  });

  const adopted = new AdoptedProcesses();
  let marker: string;
  let tag: string;
  beforeEach(() => {
    marker = `${randomUUID()}.1`;
    tag = randomUUID();
  });
  afterEach(() => endMarked(marker, 0));

  /** Starts a marked process that has run `script`; resolves when it says that it is done with that. */
  async function start(script: string): Promise<{ child: ChildProcess; tree: ProcessTree }> {
    const child = spawn(process.execPath, ["-e", `${script}; console.log("there")`], {
      env: { ...process.env, ...markedEnvironment(marker) },
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    });
    const startTime = startTimeOf(child.pid ?? 0) ?? 0;
    await once(child.stdout, "data");
    return { child, tree: new ProcessTree({ pid: child.pid ?? 0, startTime }, marker, adopted) };
  }

  const shell = (command: string) =>
    `require("node:child_process").spawn("sh", ["-c", ${JSON.stringify(command)}, "${tag}"], { stdio: "ignore", detached: true }).unref()`;
  const pidsOf = (tree: ProcessTree) =>
    tree
      .look()
      .found.map(({ pid }) => pid)
      .sort();

  it("is empty after a process without leftovers", async () => {
    const { child, tree } = await start("");
    await once(child, "exit");
    await eventually("certainty", () => tree.look().certain);
    expect(tree.look()).to.deep.equal({ found: [], certain: true });
    expect(await endAll(() => tree.look())).to.equal(0);
  });

  it("has the process and its descendants only", async () => {
    const other = spawn("sleep", ["60"], { detached: true });
    try {
      const { tree } = await start(`${shell("sleep 60 & wait")}; ${WAITS}`);
      await eventually("all three", () => pidsOf(tree).length === 3);
      expect(pidsOf(tree)).to.deep.equal(
        findMarked(marker)
          .map(({ pid }) => pid)
          .sort(),
      );
    } finally {
      other.kill();
    }
  });

  it("has processes orphaned before the first look, by their marker", async () => {
    const { child, tree } = await start(shell("(setsid sleep 60 &) & (setsid sh -c 'sleep 60 & wait' &) &"));
    await once(child, "exit");
    await eventually("all three", () => pidsOf(tree).length === 3);
    expect(await endAll(() => tree.look())).to.equal(3);
    expect(findMarked(marker)).to.deep.equal([]);
  });

  it("has processes without the marker, once seen below the process", async () => {
    const { child, tree } = await start(`${shell(HIDES)}; ${WAITS}`);
    await eventually("all three", () => pidsOf(tree).length === 3);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await endAll(() => tree.look())).to.equal(2);
    expect(pidsOf(tree)).to.deep.equal([]);
  });

  it("has processes without the marker in a known session, without a parent", async () => {
    const { child, tree } = await start(`${shell("(env -i sleep 60 &) & exec sleep 60")}; ${WAITS}`);
    await eventually("all three", () => pidsOf(tree).length === 3);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await endAll(() => tree.look())).to.equal(2);
    expect(pidsOf(tree)).to.deep.equal([]);
  });
});
