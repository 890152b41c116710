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
export default definePlugin<RunAsConfig>({
  name: "run_as",
  apiVersion: 1,
  configSchema,
  apply(kernel, { user, group = user, container }) {
    if (container !== undefined) {
      kernel.hooks.spawn.tap("container", (plan) => inContainer(plan, container));
      kernel.notice(`run_as: the CLI runs in ${container.image}, by ${container.engine}`);
    } else if (user !== undefined) {
      if (process.getuid?.() !== 0)
        throw new Error("plugins.run_as.user: only root can run the CLI as somebody else");
      kernel.hooks.spawn.tap("user", (plan) => asUser(plan, user, group));
      kernel.notice(`run_as: the CLI runs as ${user}`);
    }
  },
});

/** `setpriv` becomes the CLI: the pid stays the same, so the gateway can end it. */
function asUser({ command, args, ...plan }: SpawnPlan, user: string, group = user): SpawnPlan {
  const drop = [`--reuid=${user}`, `--regid=${group}`, "--init-groups", "--no-new-privs", "--"];
  return { ...plan, command: "setpriv", args: [...drop, command, ...args] };
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
