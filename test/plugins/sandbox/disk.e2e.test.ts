import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, rmdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Refusal } from "@claudeway/core";
import { expect } from "chai";
import { DiskWatch } from "#plugins/sandbox/disk.js";
import { debianProgram } from "../../debian.js";
import { bash, Conversation } from "../../e2e/conversation.js";
import { TestGateway } from "../../e2e/gateway.js";
import { eventually } from "../../e2e/poll.js";
import { temporaryFolder } from "../../temporary.js";

/** Longer than the tests: folders are made under load. */
const SANDBOX_SECS = "600";

describe("the limit of what folders hold, with several sandboxes", () => {
  let bwrap: string;
  const watches: DiskWatch[] = [];
  const running: ChildProcess[] = [];
  /** The turns that were ended, in order. */
  const ended = new Map<string, Refusal>();
  before(async () => {
    bwrap = await debianProgram({ names: ["bwrap"], package: "bubblewrap" });
  });
  afterEach(async () => {
    for (const watch of watches.splice(0)) watch.close();
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
  function open(maxMib: number, folders: Record<string, string>, sliceMs?: number): DiskWatch {
    const end = (id: string, refusal: Refusal) => {
      if (ended.has(id)) return false;
      ended.set(id, refusal);
      return true;
    };
    const log = { warn: () => undefined };
    const watch = new DiskWatch({
      gateway: "/gateway",
      bwrap,
      maxMib,
      end,
      log,
      intervalMs: 50,
      ...(sliceMs !== undefined && { sliceMs }),
    });
    watches.push(watch);
    for (const [id, folder] of Object.entries(folders)) watch.began({ id }, [folder]);
    return watch;
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

  it("ends turns from before a reload, with time for their CLIs, and keeps full folders from others", async () => {
    const folder = temporaryFolder("claudeway-full-");
    await start(folder);
    // Turns begin under a section without a limit, too.
    const first = open(0, { turn: folder });
    open(1, {});
    first.close();
    writeFileSync(join(folder, "file"), Buffer.alloc(2 * 1024 * 1024, 1));
    await eventually("the end of the turn", () => ended.has("turn"));
    const last = open(1, {});
    watches[1]?.close();
    expect(await last.check([folder]).then(() => undefined, String)).to.match(/must hold at most 1 MiB/);
    await open(0, {}).check([folder]);
    const [child] = running;
    await sleep(1000);
    expect(child?.signalCode, "its CLI may still write what it has used").to.equal(null);
    await eventually(
      "the end of the sandbox",
      () => child?.signalCode === "SIGKILL" || child?.exitCode !== null,
    );
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

describe("the limit of what folders hold, in a gateway whose section is reloaded", () => {
  const config = (maxMib: number) =>
    `[engine]\nconfig_dirs = "per_key"\nspares = 0\n[plugins.sandbox]\nenabled = true\ndisk_mb = ${maxMib}\n`;
  let gateway: TestGateway;
  before(async () => {
    await debianProgram({ names: ["bwrap"], package: "bubblewrap" });
    gateway = await TestGateway.start({ config: config(1024) });
  });
  after(() => gateway?.dispose());

  it("ends a turn that runs with 413", async () => {
    const talk = await Conversation.start(gateway);
    const wait = "touch began; until [ -e reloaded ]; do sleep 0.1; done";
    const turn = talk.say(bash(`${wait}; head -c 64M /dev/zero > large; sleep 60`), { timeoutSecs: 60 });
    await eventually("the tool call", () => existsSync(join(talk.workdir, "began")));
    gateway.reload(config(32));
    await eventually("the reload", () => gateway.stderr.includes("SIGHUP: configuration reloaded"));
    writeFileSync(join(talk.workdir, "reloaded"), "");
    const { status, body } = await turn;
    expect([status, body.code]).to.deep.equal([413, "DISK_QUOTA_EXCEEDED"]);
  });
});
