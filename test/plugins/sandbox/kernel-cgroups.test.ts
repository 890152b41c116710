import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { type CgroupPlace, Cgroups, ownCgroup } from "#plugins/sandbox/cgroups.js";
import type { SandboxConfig } from "#plugins/sandbox/config.js";
import { limitArguments } from "#plugins/sandbox/limits.js";
import { openCgroups, ownerOf } from "#plugins/sandbox/open-cgroups.js";
import { wallArguments } from "#plugins/sandbox/walls.js";
import { eventually } from "../../e2e/poll.js";
import { temporaryFolder } from "../../temporary.js";

const MIB = 1024 * 1024;
const CONFIG: SandboxConfig = {
  required: true,
  read_only: [],
  read_write: [],
  pass_env: [],
  tmp_mb: 64,
  network: "host",
  domains: [],
  memory_mb: 96,
  processes: 40,
  file_mb: 1024,
  disk_mb: 0,
  cpu_secs: 0,
  cpus: 0.25,
  keys: {},
};
const GATEWAY = temporaryFolder("gateway-");
const OWNER = ownerOf(GATEWAY);
/** Keeps the processor busy. */
const SPIN = "while :; do :; done";

/**
 * With the kernel's own controllers, where this process may divide its cgroup: kernel-cgroups.long.test.ts runs this on a
 * kernel of its own, as root of the machine and as a user with a delegated cgroup.
 */
describe("the kernel's limits of a sandbox, by cgroups", () => {
  const warnings: object[] = [];
  const log = { warn: (fields: object) => warnings.push(fields) };
  const running = new Set<ChildProcess>();
  let place: CgroupPlace;
  let cgroups: Cgroups;
  before(function () {
    const found = ownCgroup();
    if (found === undefined || Cgroups.problem(found) !== undefined) this.skip();
    place = found;
    cgroups = Cgroups.open(place, OWNER, CONFIG, log);
  });
  beforeEach(() => {
    warnings.length = 0;
  });
  afterEach(() => {
    for (const child of running) child.kill("SIGKILL");
    running.clear();
  });

  /** Starts a script in the shell, in a sandbox in a cgroup of its own. */
  function start(script: string): { child: ChildProcess; made: string; output: () => string } {
    const workdir = temporaryFolder("workdir-");
    const walls = wallArguments({
      read_only: [],
      read_write: [],
      claude: process.execPath,
      workdir,
      emptyWorkdir: false,
      configDir: temporaryFolder("config-"),
      home: "/",
      tmpBytes: CONFIG.tmp_mb * MIB,
      network: [],
    });
    const inside = [...limitArguments({ ...CONFIG, processes: 4096 }), "bash", "-c", script];
    const [sh = "", ...args] = [...cgroups.command, "bwrap", ...walls, "--", ...inside];
    const child = spawn(sh, args, { stdio: ["ignore", "pipe", "pipe"] });
    running.add(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (data) => {
        output += data;
      });
    return { child, made: join(place.folder, `cli-${OWNER}-${child.pid}`), output: () => output };
  }

  async function end({ child }: { child: ChildProcess }): Promise<string> {
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return String(child.signalCode ?? child.exitCode);
  }

  const get = (made: string, file: string) => readFileSync(join(made, file), "utf8");
  const count = (made: string, file: string, field: string) =>
    Number(new RegExp(`^${field} (\\d+)$`, "m").exec(get(made, file))?.[1]);
  const populated = (made: string) => existsSync(made) && count(made, "cgroup.events", "populated") === 1;

  it("are in force in the cgroup, with all that the sandbox starts", async () => {
    const sandbox = start("sleep 300 & echo ready; wait");
    await eventually("the script", () => sandbox.output().includes("ready"));
    expect(get(sandbox.made, "memory.max").trim()).to.equal(String(96 * MIB));
    expect(get(sandbox.made, "memory.oom.group").trim()).to.equal("1");
    expect(get(sandbox.made, "pids.max").trim()).to.equal("40");
    expect(get(sandbox.made, "cpu.max").trim()).to.equal("25000 100000");
    expect(get(sandbox.made, "cgroup.procs").trim().split("\n")).to.have.length.of.at.least(3);
    expect(get(place.folder, "cgroup.procs").split("\n").includes(String(sandbox.child.pid))).to.equal(false);
  });

  it("are not seen from inside, where they can't be changed", async () => {
    const sandbox = start("cat /proc/self/cgroup; ls -d /sys/fs/cgroup; echo 1 > /sys/fs/cgroup/pids.max");
    await end(sandbox);
    expect(sandbox.output())
      .to.include("0::/\n")
      .and.to.match(/No such file.*\n.*No such file/);
  });

  it("kill all of a sandbox that uses more memory than it may, and it alone", async () => {
    const other = start("echo ready; sleep 300");
    await eventually("the other one", () => other.output().includes("ready"));
    const sandbox = start(`sleep 300 & head -c 200M /dev/zero | tail -c 150M | wc -c; echo survived`);
    expect(await end(sandbox)).to.match(/SIGKILL|137/);
    expect(sandbox.output()).to.not.include("survived");
    expect(count(sandbox.made, "memory.events", "oom_kill")).to.be.at.least(2);
    await eventually("the end of all", () => !populated(sandbox.made));
    expect(populated(other.made)).to.equal(true);
    cgroups.sweep();
    cgroups.sweep();
    expect(warnings).to.deep.equal([{ cgroup: sandbox.made }]);
  });

  it("count files in memory", async () => {
    const sandbox = start(
      "for d in /tmp /var/tmp /dev/shm; do head -c 50M /dev/zero > $d/f; done; echo survived",
    );
    expect(await end(sandbox)).to.match(/SIGKILL|137/);
    expect(sandbox.output()).to.not.include("survived");
  });

  it("refuse more processes than it may have, for root too", async () => {
    const sandbox = start("for i in $(seq 100); do sleep 300 & done; jobs -p | wc -l; echo over");
    await eventually("a refusal", () => /Resource temporarily unavailable|over/.test(sandbox.output()));
    expect(sandbox.output()).to.match(/Resource temporarily unavailable/);
    expect(count(sandbox.made, "pids.events", "max")).to.be.at.least(1);
    expect(Number(get(sandbox.made, "pids.current"))).to.be.at.most(40);
  });

  it("slow down one that uses more of the processors than it may", async () => {
    const sandbox = start(`${SPIN} & ${SPIN}`);
    await eventually("throttling", () => {
      return existsSync(sandbox.made) && count(sandbox.made, "cpu.stat", "nr_throttled") >= 3;
    });
    const [usage, periods] = ["usage_usec", "nr_periods"].map((field) =>
      count(sandbox.made, "cpu.stat", field),
    );
    // A quarter of each period, and what it used before it was in the cgroup's.
    expect((usage ?? 0) / (((periods ?? 0) + 2) * 100_000)).to.be.below(0.35);
  });

  it("go with the sandbox", async () => {
    const sandbox = start("setsid sleep 300 & disown; exit 0");
    await end(sandbox);
    await eventually("the end of all", () => !populated(sandbox.made));
    await eventually("the sweep", async () => {
      cgroups.sweep();
      await sleep(100);
      return !existsSync(sandbox.made);
    });
  });

  it("are in force after the section is reloaded, and sandboxes go on", async () => {
    const all = { ...log, info: () => undefined };
    expect(openCgroups(CONFIG, all, GATEWAY)).to.not.equal(undefined);
    const sandbox = start("echo ready; sleep 300");
    await eventually("the script", () => sandbox.output().includes("ready"));
    const reloaded = openCgroups({ ...CONFIG, processes: 30 }, all, GATEWAY);
    if (reloaded === undefined) throw new Error("there are no cgroups after the reload");
    cgroups = reloaded;
    const next = start("echo ready; sleep 300");
    await eventually("the next one", () => next.output().includes("ready"));
    expect(get(next.made, "pids.max").trim()).to.equal("30");
    expect(populated(sandbox.made)).to.equal(true);
    expect(warnings).to.deep.equal([]);
  });

  it("end what a gateway left that was killed, and nothing of another one", async () => {
    const sandbox = start("setsid sleep 300 & echo ready; wait");
    await eventually("the script", () => sandbox.output().includes("ready"));
    Cgroups.open(place, "another", CONFIG, log);
    await sleep(100);
    expect(populated(sandbox.made)).to.equal(true);
    Cgroups.open(place, OWNER, CONFIG, log);
    expect(await end(sandbox)).to.equal("SIGKILL");
    await eventually("the end of all", () => !populated(sandbox.made));
  });
});
