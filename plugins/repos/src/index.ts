import { setMaxListeners } from "node:events";
import { constants } from "node:fs";
import { access, mkdir, stat } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { definePlugin } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import type { ReposConfig } from "./config.js";
import { type Git, gitWith } from "./git.js";
import { Logins } from "./login.js";
import { isNeeded } from "./needed.js";
import { RepoRecords } from "./records.js";
import { REPO_PATHS, repoRoutes } from "./routes.js";
import { Syncs } from "./syncs.js";
import { RepoWorkdirs } from "./workdirs.js";

export default definePlugin<ReposConfig, "control">({
  name: "repos",
  apiVersion: 1,
  configSchema,
  needs: ["control"],
  // Two instances would fetch into one repository at once.
  exclusive: "node",
  async check(config, { signal }) {
    const version = await refuseOldGit(gitWith({ home: tmpdir(), mark: {} }), signal);
    const folder = folderOf(config.repos_dir);
    await access(await nearestFolder(folder), constants.W_OK);
    return `git ${version}, ${folder}`;
  },
  async apply(kernel, config) {
    const { control, log, signal } = kernel;
    // Each sync and checkout listens to it, those that wait too.
    setMaxListeners(0, signal);
    const reposDir = folderOf(config.repos_dir);
    const home = join(kernel.storage, "home");
    await mkdir(home, { recursive: true, mode: 0o700 });
    const git = gitWith({ home, mark: kernel.childMark });
    await refuseOldGit(git, signal);
    const records = await RepoRecords.open(join(kernel.storage, "repositories"));
    const syncs = new Syncs({
      config,
      reposDir,
      records,
      logins: new Logins(config.credentials, home),
      git,
      log,
      signal,
    });
    await syncs.checkouts.sweep();
    const isWalled = () => control.plugins().some(({ confinesCli, state }) => confinesCli && state === "on");
    const base = control.paths.workdirs;
    const workdirs = new RepoWorkdirs({ records, syncs, reposDir, base, isWalled, log, signal });
    await workdirs.sweep();
    kernel.onDispose(() => syncs.idle());
    kernel.onDispose(() => workdirs.idle());
    kernel.mount("/repos", repoRoutes({ config, reposDir, records, syncs }), { openapi: REPO_PATHS });
    kernel.hooks.workdir.tapPromise("repositories", (request) => workdirs.folderFor(request));
    kernel.hooks.describeKey.tap("repositories", (description, keyId) => ({
      ...description,
      repos: records.list(keyId).map(({ name, branch, commit }) => ({
        repo: name,
        branch,
        commit,
        workdir: `repo:${name}@${branch}`,
      })),
    }));
    kernel.hooks.afterExecute.tapPromise("remove checkouts of tasks", async ({ kind, sessionId }) => {
      if (kind !== "task") return;
      const session = await kernel.sessions.get(sessionId);
      if (session?.ownsWorkdir !== true || (await isNeeded(kernel, sessionId))) return;
      await workdirs.removeOfTask(session.workdir, sessionId);
    });
  },
});

/** A path of the configuration: absolute, below the home folder (`~/…`), or relative to the current directory. */
function folderOf(path: string): string {
  return resolve(path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path);
}

/** The folder itself, or the one above it that exists. */
async function nearestFolder(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined && path !== dirname(path) ? nearestFolder(dirname(path)) : path;
}

/** The first version that reads settings from variables. */
const OLDEST = [2, 31] as const;

/** Resolves to the version. */
async function refuseOldGit(git: Git, signal: AbortSignal): Promise<string> {
  const said = await git({ args: ["version"], signal });
  const [, major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(said) ?? []).map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) {
    return `${major}.${minor}`;
  }
  throw new Error(`git must be version ${OLDEST.join(".")} or newer, got ${said.trim()}`);
}
