import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definePlugin, type Refusal } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import { findBubblewrap, tryWalls } from "./bubblewrap.js";
import { Cgroups, ownCgroup } from "./cgroups.js";
import type { SandboxConfig } from "./config.js";
import { DiskWatch } from "./disk.js";
import { limitArguments } from "./limits.js";
import { SandboxNetwork } from "./network.js";
import { limitsBy, openCgroups } from "./open-cgroups.js";
import { Sandbox } from "./sandbox.js";
import { Seccomp } from "./seccomp.js";
import { wallArguments } from "./walls.js";
import { watchSandboxes } from "./watch.js";

/** Waterfall: puts the CLI, and all that it starts, into bubblewrap. */
export default definePlugin<SandboxConfig, "control" | "keys" | "turns">({
  name: "sandbox",
  apiVersion: 1,
  configSchema,
  needs: ["control", "keys", "turns"],
  confinesCli: true,
  setup: {
    async test(config) {
      await tryOutOnce(config);
      return 'the CLI can run in a sandbox here; set config_dirs = "per_key" in [engine] too';
    },
  },
  async check(config, { paths }) {
    try {
      refuseSharedFolders(paths.configDirs);
      const bwrap = await tryOutOnce(config);
      return `the CLI can run in it, with ${bwrap}; limits by ${limitsBy(Cgroups.problem(ownCgroup()))}`;
    } catch (error) {
      if (config.required) throw error;
      return `off, which required = false allows: ${error instanceof Error ? error.message : String(error)}`;
    }
  },
  async apply({ hooks, control, keys, turns, log, notice, onDispose, signal, storage }, config) {
    const { workdirs: base, configDirs, dataDir } = control.paths;
    const seccomp = new Seccomp(storage);
    onDispose(() => seccomp.close());
    const network = new SandboxNetwork(storage, { config, log });
    onDispose(() => network.close());
    let bwrap: string;
    try {
      refuseSharedFolders(configDirs);
      bwrap = await tryOut(config, dataDir, seccomp);
    } catch (error) {
      const problem = `the CLI can't run in a sandbox: ${error instanceof Error ? error.message : String(error)}`;
      if (config.required) throw new Error(`${problem}. With required = false, it would run without`);
      log.warn(problem);
      notice(`sandbox: off: ${problem}`);
      return;
    }
    // The start may have been given up meanwhile: nothing would end what it begins from here on.
    signal.throwIfAborted();
    if (!seccomp.filters) log.warn(`system calls are not filtered: no filter is known for ${process.arch}`);
    const cgroups = openCgroups(config, log, storage);
    onDispose(watchSandboxes(bwrap, config, log, () => cgroups?.sweep()));
    const end = (turnId: string, refusal: Refusal) => {
      const turn = turns.follow(turnId);
      turn?.interrupt(refusal);
      return turn !== undefined;
    };
    const disk = new DiskWatch({ gateway: storage, bwrap, maxMib: config.disk_mb, end, log });
    onDispose(() => disk.close());
    const limitOf = (keyId: string) => keys.of(keyId);
    const cgroup = cgroups?.command;
    const sandbox = new Sandbox({ bwrap, config, base, network, cgroup, seccomp, disk, limitOf });
    hooks.beforeExecute.tap("folders", (plan, turn) => sandbox.check(plan, turn));
    hooks.spawn.tapPromise("walls", (plan, turn) => sandbox.wrap(plan, turn));
    hooks.afterExecute.tapPromise("disk", async (turn) => disk.ended(turn));
    network.enforce();
    notice("sandbox: the CLI sees its working directory and its key's folder only");
  },
});

function refuseSharedFolders(configDirs: "shared" | "per_key"): void {
  if (configDirs === "per_key") return;
  throw new Error('keys share a configuration folder of the CLI; set config_dirs = "per_key" in [engine]');
}

/** As `tryOut`, and leaves nothing behind. */
async function tryOutOnce(config: SandboxConfig): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "claudeway-sandbox-"));
  const seccomp = new Seccomp(folder);
  try {
    return await tryOut(config, folder, seccomp);
  } finally {
    seccomp.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Builds the walls once. Resolves to the path of `bwrap`; rejects with the reason why they don't stand. */
async function tryOut(config: SandboxConfig, configDir: string, seccomp: Seccomp): Promise<string> {
  refuseMissing(config);
  const bwrap = await findBubblewrap(process.env["PATH"]);
  const walls = [...trialOf(config, configDir), ...seccomp.args];
  const parts = { before: seccomp.before(), walls, limits: limitArguments(config) };
  await tryWalls(bwrap, parts, { PATH: process.env["PATH"] });
  return bwrap;
}

function refuseMissing({ read_only, read_write, keys }: SandboxConfig): void {
  const all = [{ read_only, read_write }, ...Object.values(keys)];
  for (const folders of all) {
    const missing = [...folders.read_only, ...folders.read_write].find((path) => !existsSync(path));
    if (missing !== undefined) throw new Error(`${JSON.stringify(missing)} does not exist`);
  }
}

/** Walls around a folder of which nothing is kept. */
function trialOf({ read_only, read_write, tmp_mb, network }: SandboxConfig, configDir: string): string[] {
  const place = tmpdir();
  return wallArguments({
    read_only,
    read_write,
    claude: process.execPath,
    workdir: place,
    emptyWorkdir: true,
    configDir,
    home: "/",
    tmpBytes: tmp_mb * 1024 * 1024,
    network: network === "proxy" ? ["--unshare-net"] : [],
  });
}
