import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { expect } from "chai";
import { deletedFiles, treeOf } from "#plugins/sandbox/processes.js";
import { temporaryFolder } from "../../temporary.js";

const MIB = 1024 * 1024;

describe("deleted files that are open", () => {
  const open: number[] = [];
  let child: ChildProcess | undefined;
  afterEach(async () => {
    for (const file of open.splice(0)) closeSync(file);
    if (child === undefined) return;
    const exit = once(child, "exit");
    // With what it has started.
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    await exit;
    child = undefined;
  });

  /** Starts a shell with this script in the folder. Resolves to its id once it has written something. */
  async function run(script: string, folder: string): Promise<number> {
    child = spawn("sh", ["-c", script], { cwd: folder, detached: true });
    if (child.stdout === null || child.pid === undefined) throw new Error("no child");
    await once(child.stdout, "data");
    return child.pid;
  }

  it("count once, on the file systems of the folders only", async () => {
    const folder = temporaryFolder("claudeway-open-");
    const script = `exec 3>kept; head -c ${MIB} /dev/zero >&3; rm kept; echo runs; exec sleep 600`;
    const pid = await run(script, folder);
    const { bytes, problem } = await deletedFiles([pid, pid], [folder]);
    expect(bytes).to.equal(MIB);
    expect(problem).to.equal(undefined);
    expect((await deletedFiles([pid], ["/proc"])).bytes).to.equal(0);
    expect(await deletedFiles([2 ** 22 + 1], [folder])).to.deep.equal({ bytes: 0 });
  });

  it("are not looked at without end, over all processes together", async () => {
    const folder = temporaryFolder("claudeway-open-");
    const script = `exec 3</dev/null 4</dev/null 5</dev/null; sh -c 'echo runs; sleep 600' & wait`;
    const pids = treeOf(await run(script, folder));
    expect(pids.length).to.be.at.least(2);
    expect(await deletedFiles(pids, [folder], 8)).to.include({ problem: "more than 8 files are open in it" });
    expect(await deletedFiles(pids, [folder], 80)).to.deep.equal({ bytes: 0 });
  });

  it("leave the gateway's other work its turn while they are looked at", async () => {
    const folder = temporaryFolder("claudeway-open-");
    for (let index = 0; index < 200; index++) open.push(openSync("/dev/null", "r"));
    let turns = 0;
    const count = () => {
      turns++;
      again = setImmediate(count);
    };
    let again = setImmediate(count);
    await deletedFiles([process.pid], [folder]);
    clearImmediate(again);
    expect(turns).to.be.greaterThan(50);
  });
});
