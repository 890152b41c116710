import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Git, GitError } from "./git.js";
import type { Login } from "./login.js";
import type { Head } from "./records.js";
import { isBranch, type Remote } from "./remote.js";

export interface MirrorLimits {
  /** Commits of a branch's history; 0: all. */
  readonly depth: number;
  readonly maxBytes: number;
}

const MAX_FILES = 1_000_000;

/** A bare repository that only the gateway reads and writes: the one that is fetched into. */
export class Mirror {
  constructor(
    /** It may not exist yet. */
    readonly folder: string,
    private readonly git: Git,
    private readonly limits: MirrorLimits,
  ) {}

  /** Fetches a branch, by default the remote's own. */
  async fetch(remote: Remote, branch: string | undefined, login: Login, signal: AbortSignal): Promise<Head> {
    await this.#create(signal);
    const wanted = branch ?? (await this.#defaultBranch(remote, login, signal));
    const { depth } = this.limits;
    const from = `refs/heads/${wanted}`;
    await this.git({
      ...login,
      args: [
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        ...(depth > 0 ? [`--depth=${depth}`] : this.#isShallow() ? ["--unshallow"] : []),
        "--",
        remote.url,
        `+${from}:${from}`,
      ],
      cwd: this.folder,
      signal,
      isTooLarge: async () => (await sizeOf(join(this.folder, "objects"))) > this.limits.maxBytes,
    });
    const commit = await this.commitOf(wanted, signal);
    if (commit === undefined) throw new GitError(`the branch ${wanted} is not a commit`);
    await this.#checkSize(commit, signal);
    return { branch: wanted, commit };
  }

  /** The commit of a branch that was fetched before. */
  async commitOf(branch: string, signal: AbortSignal): Promise<string | undefined> {
    const args = ["rev-parse", "--quiet", "--verify", "--end-of-options", `refs/heads/${branch}^{commit}`];
    const found = await this.git({ args, cwd: this.folder, signal }).catch((error: unknown) => {
      if (error instanceof GitError && error.end === "failed") return "";
      throw error;
    });
    return found.trim() || undefined;
  }

  #isShallow(): boolean {
    return existsSync(join(this.folder, "shallow"));
  }

  async #create(signal: AbortSignal): Promise<void> {
    if (existsSync(this.folder)) return;
    const partial = `${this.folder}.partial`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(dirname(partial), { recursive: true, mode: 0o700 });
    await this.git({ args: ["init", "--quiet", "--bare", "--template=", partial], signal });
    await rename(partial, this.folder);
  }

  async #defaultBranch(remote: Remote, login: Login, signal: AbortSignal): Promise<string> {
    const args = ["ls-remote", "--symref", "--", remote.url, "HEAD"];
    const said = await this.git({ ...login, args, cwd: this.folder, signal });
    const branch = /^ref: refs\/heads\/([^\t\n]+)\tHEAD$/m.exec(said)?.[1];
    if (branch === undefined || !isBranch(branch)) throw new GitError("the repository has no default branch");
    return branch;
  }

  /** A small pack can hold files without end: the tree is measured before it is written out. */
  async #checkSize(commit: string, signal: AbortSignal): Promise<void> {
    let bytes = 0;
    let files = 0;
    let rest = "";
    const read = (chunk: string) => {
      const lines = (rest + chunk).split("\0");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        files++;
        bytes += Number(/^\S+ \S+ \S+ +(\d+)\t/.exec(line)?.[1] ?? 0);
      }
      return bytes <= this.limits.maxBytes && files <= MAX_FILES && rest.length <= 100_000;
    };
    await this.git({
      args: ["ls-tree", "-r", "-l", "-z", "--full-tree", commit],
      cwd: this.folder,
      signal,
      read,
    });
  }
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true })) {
    const found = await stat(join(folder, entry)).catch(() => undefined);
    if (found?.isFile() === true) bytes += found.size;
  }
  return bytes;
}
