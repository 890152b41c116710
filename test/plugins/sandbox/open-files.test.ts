import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
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

  /** Opens a file and deletes it. */
  function keep(folder: string, bytes: number): void {
    const path = join(folder, `kept-${open.length}`);
    const file = openSync(path, "w");
    open.push(file);
    writeSync(file, Buffer.alloc(bytes, 1));
    unlinkSync(path);
  }

  it("count once, on the file systems of the folders only", async () => {
    const folder = temporaryFolder("claudeway-open-");
    // What else runs in this process may keep deleted files, too.
    const before = await deletedFiles([process.pid], [folder]);
    keep(folder, MIB);
    const { bytes, problem } = await deletedFiles([process.pid, process.pid], [folder]);
    expect(bytes - before.bytes).to.be.within(MIB, 2 * MIB - 1);
    expect(problem).to.equal(undefined);
    expect((await deletedFiles([process.pid], ["/proc"])).bytes).to.equal(0);
    expect(await deletedFiles([2 ** 22 + 1], [folder])).to.deep.equal({ bytes: 0 });
  });

  it("are not looked at without end, over all processes together", async () => {
    const folder = temporaryFolder("claudeway-open-");
    const script = `exec 3</dev/null 4</dev/null 5</dev/null; sh -c 'echo runs; sleep 600' & wait`;
    child = spawn("sh", ["-c", script], { cwd: folder, detached: true });
    if (child.stdout === null || child.pid === undefined) throw new Error("no child");
    await once(child.stdout, "data");
    const pids = treeOf(child.pid);
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
