import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Refusal } from "@claudeway/core";
import { expect } from "chai";
import { DiskWatch } from "#plugins/sandbox/disk.js";
import { debianProgram } from "../../debian.js";
import { eventually } from "../../e2e/poll.js";
import { temporaryFolder } from "../../temporary.js";

/** Longer than the tests: folders are made under load. */
const SANDBOX_SECS = "600";

describe("the limit of what folders hold, with several sandboxes", () => {
  let bwrap: string;
  let watch: DiskWatch | undefined;
  const running: ChildProcess[] = [];
  /** The turns that were ended, in order. */
  const ended = new Map<string, Refusal>();
  before(async () => {
    bwrap = await debianProgram({ names: ["bwrap"], package: "bubblewrap" });
  });
  afterEach(async () => {
    watch?.close();
    const exits = running.splice(0).map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    });
    await Promise.all(exits);
    ended.clear();
  });

  /** Starts a sandbox in which nothing happens. */
  async function start(folder: string): Promise<void> {
    const walls = ["--unshare-user", "--die-with-parent", "--dev-bind", "/", "/", "--bind", folder, folder];
    const child = spawn(bwrap, [...walls, "--", "sh", "-c", `echo runs; exec sleep ${SANDBOX_SECS}`]);
    running.push(child);
    await once(child.stdout, "data");
  }

  /** Measures from now on, with a turn in each folder that has the folder's name here. */
  function open(maxMib: number, folders: Record<string, string>, sliceMs?: number): void {
    const end = (id: string, refusal: Refusal) => {
      if (!ended.has(id)) ended.set(id, refusal);
      return true;
    };
    const log = { warn: () => undefined };
    watch = new DiskWatch({
      bwrap,
      maxMib,
      end,
      log,
      intervalMs: 50,
      ...(sliceMs !== undefined && { sliceMs }),
    });
    for (const [id, folder] of Object.entries(folders)) watch.began({ id }, [folder]);
  }

  it("holds for one beside another that can't be measured, which is ended too", async () => {
    const [odd, full] = [join(temporaryFolder("claudeway-odd-"), "work"), temporaryFolder("claudeway-full-")];
    mkdirSync(odd);
    await start(odd);
    // Nothing that a sandbox could do: an error that is no fault of what is in the folder.
    rmdirSync(odd);
    symlinkSync("work", odd);
    writeFileSync(join(full, "file"), Buffer.alloc(2 * 1024 * 1024, 1));
    await start(full);
    open(1, { odd, full });
    await eventually("the end of both turns", () => ended.size === 2);
    unlinkSync(odd);
    expect(ended.get("odd")?.message).to.match(
      /must hold at most 1 MiB, and it can't be measured: an error of the file system$/,
    );
    expect(ended.get("odd")?.options.code).to.equal("DISK_QUOTA_EXCEEDED");
  });

  it("ends a small one before a large one has been measured", async () => {
    const [large, small] = [temporaryFolder("claudeway-large-"), temporaryFolder("claudeway-small-")];
    for (let i = 0; i < 2000; i++) writeFileSync(join(large, String(i)), "");
    writeFileSync(join(small, "file"), Buffer.alloc(5 * 1024 * 1024, 1));
    await start(large);
    await start(small);
    open(4, { large, small }, 0);
    await eventually("the end of both turns", () => ended.size === 2);
    expect([...ended.keys()]).to.deep.equal(["small", "large"]);
  });
});
