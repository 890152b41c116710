import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { Cgroups, ownCgroup } from "#plugins/sandbox/cgroups.js";
import { openCgroups, ownerOf } from "#plugins/sandbox/open-cgroups.js";
import { eventually } from "../../e2e/poll.js";
import { temporaryFolder } from "../../temporary.js";

const UNIFIED = "22 1 0:2 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw";
const HYBRID =
  "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";
const LIMITS = { memory_mb: 700, processes: 256, cpus: 1.5 };

describe("the gateway's own cgroup", () => {
  const own = (mountinfo: string, path: string, isRoot: boolean, service = false) =>
    ownCgroup({ mountinfo, cgroup: `4:memory:/other\n0::${path}\n` }, isRoot, service);

  it("is found where the machine has version 2, or both", () => {
    const unit = "/system.slice/claudeway.service";
    expect(own(UNIFIED, unit, false)).to.deep.equal({ folder: `/sys/fs/cgroup${unit}`, delegated: true });
    expect(own(HYBRID, "/", true)).to.deep.equal({ folder: "/sys/fs/cgroup/unified/", delegated: true });
    expect(own("31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw", "/", true)).to.equal(undefined);
    expect(own(UNIFIED, "/../other", true)).to.equal(undefined);
  });

  it("is the one that was divided, once the gateway has moved below it", () => {
    const unit = "/system.slice/claudeway.service";
    const divided = { folder: `/sys/fs/cgroup${unit}`, delegated: true };
    for (const isRoot of [true, false])
      expect(own(UNIFIED, `${unit}/gateway`, isRoot, true)).to.deep.equal(divided);
    expect(own(UNIFIED, "/gateway", true)).to.deep.equal({ folder: "/sys/fs/cgroup/", delegated: true });
    expect(own(UNIFIED, "/user.slice/session-1.scope/gateway", true)).to.include({ delegated: false });
  });

  it("is left alone by root in a session of a user", () => {
    expect(own(UNIFIED, "/user.slice/session-1.scope", true)).to.include({ delegated: false });
    expect(own(UNIFIED, "/system.slice/other.service", true)).to.include({ delegated: false });
    expect(own(UNIFIED, "/system.slice/claudeway.service", true, true)).to.include({ delegated: true });
  });
});

/** Plain files in the place of the kernel's show what would be written to those. */
describe("the cgroups of sandboxes", () => {
  let folder: string;
  const warnings: object[] = [];
  const log = { warn: (fields: object) => warnings.push(fields) };
  beforeEach(() => {
    folder = temporaryFolder("claudeway-cgroup-");
    warnings.length = 0;
    put("cgroup.controllers", "cpuset cpu io memory pids\n");
    put("cgroup.subtree_control", "");
    put("cgroup.type", "domain\n");
    put("cgroup.procs", "101\n102\n");
  });

  function put(path: string, text: string): void {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }

  const get = (path: string) => readFileSync(join(folder, path), "utf8");
  const problem = () => Cgroups.problem({ folder, delegated: true });
  const open = (limits = LIMITS) => Cgroups.open({ folder, delegated: true }, "own", limits, log);

  it("are not used where they can't be made, and say why", () => {
    expect(Cgroups.problem(undefined)).to.equal("there is no cgroup of version 2");
    expect(Cgroups.problem({ folder, delegated: false })).to.equal(
      `${folder} is not delegated to the gateway`,
    );
    expect(problem()).to.equal(undefined);
    put("cgroup.controllers", "cpu hugetlb\n");
    expect(problem()).to.equal(`${folder} has no controller for memory and pids`);
    expect(get("cgroup.subtree_control")).to.equal("");
  });

  it("are made after the gateway's processes have moved out of the way", () => {
    open();
    expect(get("gateway/cgroup.procs")).to.equal("102");
    expect(get("cgroup.subtree_control")).to.equal("+cpu +memory +pids");
  });

  it("leave processes where they are in the root of the machine, which has no type", () => {
    const other = temporaryFolder("claudeway-cgroup-");
    for (const [name, text] of [
      ["cgroup.controllers", "memory pids"],
      ["cgroup.subtree_control", "memory"],
      ["cgroup.procs", "1"],
    ] as const)
      writeFileSync(join(other, name), text);
    Cgroups.open({ folder: other, delegated: true }, "own", LIMITS, log);
    expect(existsSync(join(other, "gateway"))).to.equal(false);
    expect(readFileSync(join(other, "cgroup.subtree_control"), "utf8")).to.equal("+pids");
  });

  it("get their limits and then the program, with the same arguments each time", () => {
    const cgroups = open();
    const [sh = "", ...args] = cgroups.command;
    const { stdout, pid } = spawnSync(sh, [...args, "echo", "a b", "c"], { encoding: "utf8" });
    expect(stdout).to.equal("a b c\n");
    const made = `cli-own-${pid}`;
    const written = Object.fromEntries(
      readdirSync(join(folder, made)).map((name) => [name, get(join(made, name)).trim()]),
    );
    expect(written).to.deep.equal({
      "memory.max": String(700 * 1024 * 1024),
      "memory.oom.group": "1",
      "memory.swap.max": "0",
      "pids.max": "256",
      "cpu.max": "150000 100000",
      "cgroup.procs": String(pid),
    });
    expect(cgroups.command).to.deep.equal(open().command);
  });

  it("have no limit that is not set, and none without its controller", () => {
    const script = open({ memory_mb: 0, processes: 64, cpus: 0 }).command.join(" ");
    expect(script)
      .to.include("echo 64")
      .and.not.match(/memory|cpu/);
    put("cgroup.controllers", "memory pids\n");
    expect(open().command.join(" ")).to.not.include("cpu.max");
  });

  it("do not keep a program from running where they can't be made", () => {
    const [sh = "", ...args] = open().command;
    const missing = args.map((arg) => (arg === folder ? `${folder}/missing` : arg));
    const { stdout, stderr } = spawnSync(sh, [...missing, "echo", "ran"], { encoding: "utf8" });
    expect([stdout, stderr]).to.deep.equal(["ran\n", ""]);
  });

  it("keep a program from running that can't join its own", () => {
    const taken = 'mkdir -p "$0/cli-own-$$/cgroup.procs"; exec "$@"';
    const { status, stdout, stderr } = spawnSync(
      "sh",
      ["-c", taken, folder, ...open().command, "echo", "ran"],
      { encoding: "utf8" },
    );
    expect([status, stdout, stderr]).to.deep.equal([
      1,
      "",
      "the CLI was not started: it could not be put into a cgroup of its own\n",
    ]);
  });

  it("are used again by a process with the id of an earlier one", () => {
    const taken = 'mkdir "$0/cli-own-$$"; exec "$@"';
    const args = ["-c", taken, folder, ...open().command, "echo", "ran"];
    const { pid, stdout } = spawnSync("sh", args, { encoding: "utf8" });
    expect([stdout, get(`cli-own-${pid}/cgroup.procs`)]).to.deep.equal(["ran\n", `${pid}\n`]);
  });

  it("are tried out, which fails where programs can't join", () => {
    open().tryOut();
    const cgroups = open();
    rmSync(folder, { recursive: true });
    writeFileSync(folder, "");
    expect(() => cgroups.tryOut()).to.throw("could not be put into a cgroup of its own");
  });

  it("are not removed while a program that starts may be about to join", () => {
    const cgroups = open();
    mkdirSync(join(folder, "cli-own-1"));
    cgroups.sweep();
    cgroups.sweep();
    expect(existsSync(join(folder, "cli-own-1"))).to.equal(true);
  });

  it("are ended at the first start of a process, and not when its section is reloaded", () => {
    const own = { folder, delegated: true };
    const all = { ...log, info: () => undefined };
    const [gateway, beside] = [temporaryFolder("gateway-"), temporaryFolder("gateway-")];
    const left = (of: string) => `cli-${ownerOf(of)}-1/cgroup.kill`;
    const start = (of: string, limits = LIMITS) => {
      for (const one of [gateway, beside]) put(left(one), "");
      const cgroups = openCgroups(limits, all, of, own);
      return { killed: [gateway, beside].map((one) => get(left(one))), script: cgroups?.command.join(" ") };
    };
    const first = start(gateway);
    expect(first.killed).to.deep.equal(["1", ""]);
    expect(start(beside).killed, "only its own, in the same process too").to.deep.equal(["", "1"]);
    const again = start(gateway, { ...LIMITS, processes: 64 });
    expect(again.killed).to.deep.equal(["", ""]);
    expect([first, again].map(({ script }) => script?.includes("echo 64"))).to.deep.equal([false, true]);
  });

  it("of another gateway that was started in the same one are left alone", () => {
    put("cli-other-1/cgroup.kill", "");
    put("cli-other-1/cgroup.events", "populated 0\n");
    put("cli-other-1/memory.events", "oom_kill 1\n");
    open().sweep();
    expect([get("cli-other-1/cgroup.kill"), warnings]).to.deep.equal(["", []]);
  });

  it("report once that the kernel killed what was in them", () => {
    const cgroups = open();
    put("cli-own-1/cgroup.events", "populated 0\n");
    put("cli-own-1/memory.events", "oom 1\noom_kill 1\n");
    cgroups.sweep();
    cgroups.sweep();
    expect(warnings).to.deep.equal([{ cgroup: join(folder, "cli-own-1") }]);
  });

  it("stay, without a report, while a program is in them", () => {
    const cgroups = open();
    put("cli-own-1/cgroup.events", "populated 1\nfrozen 0\n");
    cgroups.sweep();
    expect(warnings).to.deep.equal([]);
    expect(existsSync(join(folder, "cli-own-1"))).to.equal(true);
  });
});

/** The kernel's own, without limits, wherever the tests may make some. */
describe("a cgroup of the kernel", () => {
  let place: string;
  let child: ChildProcess | undefined;
  before(function () {
    const found = ownCgroup();
    place = join(found?.folder ?? "/missing", `claudeway-test-${randomUUID().slice(0, 8)}`);
    try {
      mkdirSync(place);
    } catch {
      this.skip();
    }
  });
  after(async () => {
    child?.kill("SIGKILL");
    await eventually("the end of the cgroup", () => {
      try {
        if (existsSync(place)) rmdirSync(place);
        return true;
      } catch {
        return false;
      }
    });
  });

  it("has the program in it, is swept once that has ended, and ended at the next start", async () => {
    // The controllers of this one are the machine's: the limits are not written, the rest is.
    const put = { folder: place, delegated: true };
    const limits = { memory_mb: 0, processes: 64, cpus: 0 };
    const log = { warn: () => undefined };
    const cgroups = Cgroups.open(put, "own", limits, log);
    const [sh = "", ...args] = cgroups.command.map((arg) =>
      arg.replace(/echo \d+ > "\$d\/pids\.max" && /, ""),
    );
    child = spawn(sh, [...args, "sleep", "300"]);
    const made = join(place, `cli-own-${child.pid}`);
    await eventually("the process", () => {
      return (
        existsSync(made) && readFileSync(join(made, "cgroup.procs"), "utf8").trim() === String(child?.pid)
      );
    });
    cgroups.sweep();
    expect(existsSync(made)).to.equal(true);
    const ended = new Promise((resolve) => child?.once("exit", (_code, signal) => resolve(signal)));
    // What a gateway that was killed leaves.
    const next = Cgroups.open(put, "own", limits, log);
    expect(await ended).to.equal("SIGKILL");
    await eventually("the sweep", () => {
      next.sweep();
      return !existsSync(made);
    });
    const gateway = join(place, "gateway");
    if (existsSync(gateway)) rmdirSync(gateway);
  });
});
