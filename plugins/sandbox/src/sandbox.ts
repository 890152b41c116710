import { chownSync, existsSync, lstatSync, mkdirSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, isAbsolute, join, sep } from "node:path";
import { type KeyLimit, Refusal, type SpawnPlan, type TurnInfo, type TurnPlan } from "@claudeway/core";
import { foldersOf, type SandboxConfig } from "./config.js";
import type { DiskWatch } from "./disk.js";
import { sandboxEnvironment } from "./environment.js";
import { limitArguments } from "./limits.js";
import type { SandboxNetwork } from "./network.js";
import type { Seccomp } from "./seccomp.js";
import { INSIDE_UID, type Walls, wallArguments } from "./walls.js";

/** What the sandbox needs to know of the gateway. */
export interface SandboxParts {
  readonly bwrap: string;
  readonly config: SandboxConfig;
  /** The base folder of the workdirs. */
  readonly base: string;
  readonly network: Pick<SandboxNetwork, "wallsOf">;
  /** What puts a program into a cgroup of its own; undefined where the gateway can make none. */
  readonly cgroup: readonly string[] | undefined;
  readonly seccomp: Pick<Seccomp, "before" | "args">;
  readonly disk: Pick<DiskWatch, "began" | "check">;
  readonly limitOf: (keyId: string) => KeyLimit;
}

/** A turn's key and session; undefined where the CLI runs for no turn. */
type Owner = Pick<TurnInfo, "id" | "keyId" | "sessionId"> | undefined;

/** Puts the CLI behind walls. */
export class Sandbox {
  constructor(private readonly parts: SandboxParts) {}

  /** The plan with the CLI in bubblewrap. Rejects with a Refusal for a working directory that the key may not have. */
  async wrap(plan: SpawnPlan, owner: Owner): Promise<SpawnPlan> {
    if (owner !== undefined) this.#refuseFolder(plan.cwd, owner);
    const { bwrap, config, network, cgroup, seccomp } = this.parts;
    const { before, claude } = commandOf(plan);
    const net = await network.wallsOf(plan.env, owner?.keyId);
    const place = this.#wallsOf(plan, claude, owner);
    const walls = [...wallArguments({ ...place, network: net.args }), ...seccomp.args];
    if (owner !== undefined) {
      const folders = [place.configDir, ...(place.emptyWorkdir ? [] : [place.workdir])];
      await this.parts.disk.check(folders);
      this.parts.disk.began(owner, folders);
    }
    const inside = [...limitArguments(config), ...net.before, claude];
    const outside = [...(cgroup ?? []), ...before, ...seccomp.before()];
    const [command = claude, ...args] = [...outside, bwrap, ...walls, "--", ...inside];
    const env = { ...sandboxEnvironment(plan.env, process.env, config.pass_env), ...net.env };
    const uid = plan.uid ?? process.getuid?.();
    return { ...plan, command, args, env, uid: uid === 0 ? INSIDE_UID : uid };
  }

  /** Throws a Refusal if the turn needs folders that it would not see. */
  check({ workdir, options }: Pick<TurnPlan, "workdir" | "options">, owner: NonNullable<Owner>): void {
    this.#refuseFolder(workdir, owner);
    const { read_only, read_write } = foldersOf(this.parts.config, owner.keyId);
    const visible = [workdir, ...read_only, ...read_write];
    const hidden = (options?.additionalDirs ?? []).find((dir) => !visible.some((one) => isWithin(dir, one)));
    if (hidden !== undefined) {
      throw new Refusal(
        403,
        `additional_dirs must be in the working directory or in a folder of [plugins.sandbox], got ${JSON.stringify(hidden)}`,
      );
    }
  }

  #wallsOf({ cwd, env, uid }: SpawnPlan, claude: string, owner: Owner): Omit<Walls, "network"> {
    const { config, base } = this.parts;
    const home = env["HOME"] || homedir();
    const configDir = env["CLAUDE_CONFIG_DIR"] || join(home, ".claude");
    makeConfigDir(configDir, uid);
    return {
      ...foldersOf(config, owner?.keyId),
      claude,
      workdir: cwd,
      emptyWorkdir: cwd === base || owner === undefined || !existsSync(cwd),
      configDir,
      home: isAbsolute(home) ? home : "/",
      tmpBytes: config.tmp_mb * 1024 * 1024,
    };
  }

  /** A named folder is visible as a whole, so only those are allowed that the configuration names for the key. */
  #refuseFolder(folder: string, { keyId, sessionId }: NonNullable<Owner>): void {
    const isOwn = basename(folder) === sessionId || folder === this.parts.base;
    if (isOwn || this.parts.limitOf(keyId).workdirs !== undefined) {
      // Where it is missing, nothing of it is bound, and the engine reports it.
      if (isOwn || !existsSync(folder) || isReal(folder)) return;
      throw new Refusal(403, `the working directory ${JSON.stringify(folder)} is a link`);
    }
    throw new Refusal(
      403,
      `in the sandbox, workdir must match [keys.${keyId}] workdirs, which is not set, got ${JSON.stringify(folder)}`,
    );
  }
}

/** The program that runs the CLI as another user, if any, and the CLI itself. */
function commandOf({ command, args }: SpawnPlan): {
  readonly before: readonly string[];
  readonly claude: string;
} {
  const all = [command, ...args];
  const claude = all.at(-1) ?? command;
  // A bare name is looked up on the PATH inside.
  if (args.length > 0 && !isAbsolute(claude)) {
    throw new Error(
      `the sandbox can't be put around ${command}: its last argument must be the path of the CLI`,
    );
  }
  return { before: all.slice(0, -1), claude };
}

/** Created for the user that the CLI runs as; it holds the key's transcripts and login. */
function makeConfigDir(path: string, uid: number | undefined): void {
  const made = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (made !== undefined && uid !== undefined && process.getuid?.() === 0 && uid !== 0)
    chownSync(path, uid, -1);
}

/** Whether a folder is there, and no part of its path is a link: one that is swapped in could lead anywhere. */
function isReal(folder: string): boolean {
  try {
    return realpathSync(folder) === folder && lstatSync(folder).isDirectory();
  } catch {
    return false;
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
