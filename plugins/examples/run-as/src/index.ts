import { spawnSync } from "node:child_process";
import { lchownSync, lstatSync } from "node:fs";
import { sep } from "node:path";
import { definePlugin, type SpawnPlan } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };

/** The `[plugins.run_as.container]` section, checked and with its defaults; `claude` is the CLI in the image. */
export type Container = Readonly<{ image: string; claude: string; args: readonly string[] }> & {
  readonly engine: "docker" | "podman";
};

/** The `[plugins.run_as]` section: a user (and a group, named as the user unless set), or a container. */
export type RunAsConfig = Readonly<{ user?: string; group?: string; container?: Container }>;

/** Waterfall: puts another program before the CLI. */
export default definePlugin<RunAsConfig, "control">({
  name: "run_as",
  apiVersion: 1,
  configSchema,
  needs: ["control"],
  apply(kernel, { user, group = user, container }) {
    if (container !== undefined) {
      kernel.hooks.spawn.tap("container", (plan) => inContainer(plan, container));
      kernel.notice(`run_as: the CLI runs in ${container.image}, by ${container.engine}`);
    } else if (user !== undefined) {
      if (process.getuid?.() !== 0)
        throw new Error("plugins.run_as.user: only root can run the CLI as somebody else");
      const [uid, gid] = [idOf(user, "-u"), idOf(user, "-g")];
      const { workdirs } = kernel.control.paths;
      kernel.hooks.spawn.tap("user", ({ command, args, ...plan }) => {
        if (plan.cwd === workdirs || plan.cwd.startsWith(workdirs + sep)) handOver(plan.cwd, uid, gid);
        const drop = [`--reuid=${user}`, `--regid=${group}`, "--init-groups", "--no-new-privs", "--"];
        // `setpriv` becomes the CLI: the pid stays the same, so the gateway can end it.
        return { ...plan, uid, command: "setpriv", args: [...drop, command, ...args] };
      });
      kernel.notice(`run_as: the CLI runs as ${user}`);
    }
  },
});

function idOf(user: string, which: "-u" | "-g"): number {
  const { status, stdout } = spawnSync("id", [which, "--", user], { encoding: "utf8" });
  if (status === 0) return Number(stdout);
  throw new Error(`plugins.run_as.user must be a user of this machine, got ${JSON.stringify(user)}`);
}

/** A folder that the gateway made is root's, and the CLI is to write there. One that a caller named stays whose it is. */
function handOver(folder: string, uid: number, gid: number): void {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory() && found.uid === 0) lchownSync(folder, uid, gid);
}

/** Variables go in by their names alone: their values would be seen in the list of processes. */
function inContainer(plan: SpawnPlan, { engine, image, claude, args }: Container): SpawnPlan {
  const { cwd, env } = plan;
  const folders = [cwd, ...[env["CLAUDE_CONFIG_DIR"] ?? []].flat()];
  const names = [...Object.keys(env), MARK].filter((name) => !OWN.has(name));
  const run = ["run", "--rm", "--interactive", "--init", `--workdir=${cwd}`];
  const volumes = folders.map((folder) => `--volume=${folder}:${folder}`);
  const variables = names.map((name) => `--env=${name}`);
  return { ...plan, command: engine, args: [...run, ...volumes, ...variables, ...args, image, claude] };
}

/** The gateway adds it to every child of its own, and ends what carries it. */
const MARK = "CLAUDEWAY_PROCESS";
/** The image has its own. */
const OWN = new Set(["PATH", "HOME", "HOSTNAME", "PWD", "SHELL", "USER", "LOGNAME"]);
