import { execFileSync } from "node:child_process";
import { lchownSync, lstatSync } from "node:fs";
import { sep } from "node:path";
import { definePlugin, type SpawnPlan } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };

/** The `[plugins.run_as.container]` section, checked and with its defaults. */
export interface Container {
  readonly engine: "docker" | "podman";
  readonly image: string;
  /** The CLI in the image. */
  readonly claude: string;
  readonly args: readonly string[];
}

/** The `[plugins.run_as]` section: one of the two. */
export interface RunAsConfig {
  readonly user?: string;
  /** Named as the user where it is not set. */
  readonly group?: string;
  readonly container?: Container;
}

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
      const account = { user, group, uid: idOf(user, "-u"), gid: idOf(user, "-g") };
      const { workdirs } = kernel.control.paths;
      kernel.hooks.spawn.tap("user", (plan) => {
        handOver(plan.cwd, workdirs, account);
        return asUser(plan, account);
      });
      kernel.notice(`run_as: the CLI runs as ${user}`);
    }
  },
});

interface Account {
  readonly user: string;
  readonly group: string | undefined;
  readonly uid: number;
  readonly gid: number;
}

function idOf(user: string, which: "-u" | "-g"): number {
  try {
    return Number(
      execFileSync("id", [which, "--", user], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
    );
  } catch (cause) {
    const shown = JSON.stringify(user);
    throw new Error(`plugins.run_as.user must be a user of this machine, got ${shown}`, { cause });
  }
}

/** A folder that the gateway made is root's, and the CLI is to write there. One that a caller named stays whose it is. */
function handOver(folder: string, workdirs: string, { uid, gid }: Account): void {
  if (folder !== workdirs && !folder.startsWith(workdirs + sep)) return;
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory() && found.uid === 0) lchownSync(folder, uid, gid);
}

/** `setpriv` becomes the CLI: the pid stays the same, so the gateway can end it. */
function asUser({ command, args, ...plan }: SpawnPlan, { user, group = user, uid }: Account): SpawnPlan {
  const drop = [`--reuid=${user}`, `--regid=${group}`, "--init-groups", "--no-new-privs", "--"];
  return { ...plan, uid, command: "setpriv", args: [...drop, command, ...args] };
}

/** Variables go in by their names alone: their values would be seen in the list of processes. */
function inContainer(plan: SpawnPlan, { engine, image, claude, args }: Container): SpawnPlan {
  const { cwd, env } = plan;
  const folders = [cwd, ...[env["CLAUDE_CONFIG_DIR"] ?? []].flat()];
  return {
    ...plan,
    command: engine,
    args: [
      ...["run", "--rm", "--interactive", "--init", `--workdir=${cwd}`],
      ...folders.map((folder) => `--volume=${folder}:${folder}`),
      ...[...Object.keys(env), MARK].filter((name) => !OWN.has(name)).map((name) => `--env=${name}`),
      ...args,
      image,
      claude,
    ],
  };
}

/** The gateway adds it to every child of its own, and ends what carries it. */
const MARK = "CLAUDEWAY_PROCESS";
/** The image has its own. */
const OWN = new Set(["PATH", "HOME", "HOSTNAME", "PWD", "SHELL", "USER", "LOGNAME"]);
