import { spawnSync } from "node:child_process";
import { lchownSync, lstatSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, sep } from "node:path";
import { definePlugin, type SpawnPlan } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };

/** The `[plugins.run_as.container]` section, validated, with defaults; `claude` is the CLI in the image. */
export type Container = Readonly<{ image: string; claude: string; args: readonly string[] }> & {
  readonly engine: "docker" | "podman";
};

/** The `[plugins.run_as]` section: a user (and a group, by default with the user's name), or a container. */
export type RunAsConfig = Readonly<{ user?: string; group?: string; container?: Container }>;

/** Waterfall: runs the CLI through another program. */
export default definePlugin<RunAsConfig, "control">({
  name: "run_as",
  apiVersion: 1,
  configSchema,
  needs: ["control"],
  async check({ user }) {
    const file = join(process.env["CLAUDE_CONFIG_DIR"] || join(homedir(), ".claude"), ".credentials.json");
    const owner = statSync(file, { throwIfNoEntry: false })?.uid;
    if (user === undefined || owner === undefined || owner === idOf(user, "-u")) return PREPARED;
    const text = `${file} is not a login of ${user}, and each refresh logs the other user out: ${INSTEAD}`;
    return [{ name: "login", ok: true, warning: true, text }];
  },
  apply(kernel, { user, group = user, container }) {
    if (container !== undefined) {
      kernel.hooks.spawn.tap("container", (plan) => inContainer(plan, container));
      kernel.notice(`run_as: the CLI runs in ${container.image}, by ${container.engine}`);
    } else if (user !== undefined) {
      if (process.getuid?.() !== 0)
        throw new Error("plugins.run_as.user requires the gateway to run as root");
      const [uid, gid] = [idOf(user, "-u"), idOf(user, "-g")];
      const { workdirs } = kernel.control.paths;
      kernel.hooks.spawn.tap("user", ({ command, args, ...plan }) => {
        if (plan.cwd === workdirs || plan.cwd.startsWith(workdirs + sep)) handOver(plan.cwd, uid, gid);
        const drop = [`--reuid=${user}`, `--regid=${group}`, "--init-groups", "--no-new-privs", "--"];
        // `setpriv` becomes the CLI with the same pid, so the gateway can end it.
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

/** A folder that the gateway created belongs to root, but the CLI must write there. A caller's folder keeps its owner. */
function handOver(folder: string, uid: number, gid: number): void {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory() && found.uid === 0) lchownSync(folder, uid, gid);
}

/** Variables are passed by name only: their values would be visible in the process list. */
function inContainer(plan: SpawnPlan, { engine, image, claude, args }: Container): SpawnPlan {
  const { cwd, env } = plan;
  const folders = [cwd, ...[env["CLAUDE_CONFIG_DIR"] ?? []].flat()];
  const names = [...Object.keys(env), MARK].filter((name) => !OWN.has(name));
  const run = ["run", "--rm", "--interactive", "--init", `--workdir=${cwd}`];
  const volumes = folders.map((folder) => `--volume=${folder}:${folder}`);
  const variables = names.map((name) => `--env=${name}`);
  return { ...plan, command: engine, args: [...run, ...volumes, ...variables, ...args, image, claude] };
}

/** The gateway adds it to all of its children, and ends processes that have it. */
const MARK = "CLAUDEWAY_PROCESS";
/** The image has its own. */
const OWN = new Set(["PATH", "HOME", "HOSTNAME", "PWD", "SHELL", "USER", "LOGNAME"]);
const PREPARED = "the CLI runs through another program";
const INSTEAD =
  "use an API key (ANTHROPIC_API_KEY), or a token of `claude setup-token` (CLAUDE_CODE_OAUTH_TOKEN)";
