import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Git, GitError } from "./git.js";
import type { Gitlink } from "./gitmodules.js";
import type { Login } from "./login.js";
import type { Head } from "./records.js";
import { isBranch, type Remote } from "./remote.js";

export interface MirrorLimits {
  /** Commits of a branch's history; 0: all. */
  readonly depth: number;
  readonly maxBytes: number;
}

/** What a commit's tree has. */
export interface Tree {
  /** Of all its files. */
  readonly bytes: number;
  readonly links: readonly Gitlink[];
  /** Bytes of a `.gitmodules` that is a regular file. */
  readonly gitmodules: number | undefined;
}

const MAX_FILES = 1_000_000;
/** Further submodules are left out: no configuration allows so many. */
const MAX_LINKS = 1001;
const MAX_GITMODULES = 64 * 1024;

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
    await this.#get(remote, wanted, `refs/heads/${wanted}`, login, signal);
    const commit = await this.commitOf(wanted, signal);
    if (commit === undefined) throw new GitError(`the branch ${wanted} is not a commit`);
    await this.survey(commit, signal);
    return { branch: wanted, commit };
  }

  /** Fetches a commit that no branch needs to have, from a host that serves commits by their ids. */
  async fetchCommit(remote: Remote, commit: string, login: Login, signal: AbortSignal): Promise<void> {
    await this.#create(signal);
    if (!(await this.hasCommit(commit, signal)))
      await this.#get(remote, commit, moduleRef(commit), login, signal);
    if (!(await this.hasCommit(commit, signal))) throw new GitError(`${commit} is not a commit`);
    await this.survey(commit, signal);
  }

  /** Whether `fetchCommit` has fetched it. */
  async hasCommit(commit: string, signal: AbortSignal): Promise<boolean> {
    return existsSync(this.folder) && (await this.#resolve(moduleRef(commit), signal)) === commit;
  }

  /** The size on the disk of what was fetched. */
  async bytes(): Promise<number> {
    return sizeOf(join(this.folder, "objects"));
  }

  /** The settings of a commit's `.gitmodules`, as `git config --null --list` prints them. */
  async gitmodules(commit: string, { gitmodules: size }: Tree, signal: AbortSignal): Promise<string> {
    if (size === undefined || size > MAX_GITMODULES)
      throw new GitError(`.gitmodules is not a file of at most ${MAX_GITMODULES} bytes`);
    const args = ["config", "--no-includes", `--blob=${commit}:.gitmodules`, "--null", "--list"];
    return this.git({ args, cwd: this.folder, signal });
  }

  /** The commit of a branch that was fetched before. */
  async commitOf(branch: string, signal: AbortSignal): Promise<string | undefined> {
    return this.#resolve(`refs/heads/${branch}`, signal);
  }

  async #resolve(ref: string, signal: AbortSignal): Promise<string | undefined> {
    const args = ["rev-parse", "--quiet", "--verify", "--end-of-options", `${ref}^{commit}`];
    const found = await this.git({ args, cwd: this.folder, signal }).catch((error: unknown) => {
      if (error instanceof GitError && error.end === "failed") return "";
      throw error;
    });
    return found.trim() || undefined;
  }

  /** Fetches one branch or commit into a ref. */
  async #get(remote: Remote, what: string, ref: string, login: Login, signal: AbortSignal): Promise<void> {
    const { depth } = this.limits;
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
        `+${ref.startsWith("refs/heads/") ? ref : what}:${ref}`,
      ],
      cwd: this.folder,
      signal,
      isTooLarge: async () => (await this.bytes()) > this.limits.maxBytes,
    });
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

  /** Reads a tree. A small pack can hold files without end: it is measured before it is written out. */
  async survey(commit: string, signal: AbortSignal): Promise<Tree> {
    let bytes = 0;
    let files = 0;
    let rest = "";
    let gitmodules: number | undefined;
    const links: Gitlink[] = [];
    const read = (chunk: string) => {
      const lines = (rest + chunk).split("\0");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [, mode, id = "", size, path = ""] = ENTRY.exec(line) ?? [];
        files++;
        bytes += Number(size === "-" ? 0 : (size ?? 0));
        if (mode === "160000" && links.length < MAX_LINKS) links.push({ path, commit: id });
        if (path === ".gitmodules" && mode !== "120000" && size !== "-") gitmodules = Number(size);
      }
      return bytes <= this.limits.maxBytes && files <= MAX_FILES && rest.length <= 100_000;
    };
    await this.git({
      args: ["ls-tree", "-r", "-l", "-z", "--full-tree", commit],
      cwd: this.folder,
      signal,
      read,
    });
    return { bytes, links, gitmodules };
  }
}

/** A line of `git ls-tree -l`: mode, type, id, size, path. */
const ENTRY = /^(\d+) \S+ ([0-9a-f]+) +(\d+|-)\t([\s\S]*)$/;

function moduleRef(commit: string): string {
  return `refs/modules/${commit}`;
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true })) {
    const found = await stat(join(folder, entry)).catch(() => undefined);
    if (found?.isFile() === true) bytes += found.size;
  }
  return bytes;
}
