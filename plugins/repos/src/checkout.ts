import { randomUUID } from "node:crypto";
import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Refusal } from "@claudeway/core";
import { type Git, GitError } from "./git.js";
import { hasLocalWork } from "./local-work.js";
import type { Head } from "./records.js";
import type { Source } from "./source.js";

/**
 * Makes and updates folders with the files of a commit and a `.git` of their own.
 *
 * Whatever works in a checkout can change its `.git`, and git runs programs that a repository's settings name. So no
 * command ever reads a `.git` that was handed out: the files are compared and updated from the mirror, and the new `.git`
 * is made elsewhere and replaces the old one as a whole.
 */
export class Checkouts {
  constructor(
    private readonly git: Git,
    /** A folder on the same file system as the checkouts, for what is being made. */
    private readonly staging: string,
  ) {}

  /** Removes what a gateway left in staging that was killed. */
  async sweep(): Promise<void> {
    await rm(this.staging, { recursive: true, force: true });
  }

  /**
   * Makes a checkout. It appears at `path` complete, or not at all. `beside`: where it is made, by default in staging; the
   * caller removes what is left there. `more` adds to it before it appears.
   */
  async create(
    path: string,
    source: Source,
    signal: AbortSignal,
    { beside, more }: { readonly beside?: string; readonly more?: (folder: string) => Promise<void> } = {},
  ): Promise<void> {
    const partial = beside ?? join(this.staging, randomUUID());
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    try {
      await this.#makeRepository(partial, source, signal);
      await this.git({ args: ["reset", "--quiet", "--hard"], cwd: partial, signal });
      await more?.(partial);
      await rename(partial, path);
    } finally {
      if (beside === undefined) await rm(partial, { recursive: true, force: true });
    }
  }

  /** Throws a Refusal with CONFLICT if an update would lose commits, changes or files of the checkout. */
  async refuseLosses(
    path: string,
    from: Pick<Source, "branch" | "commit">,
    to: Source,
    signal: AbortSignal,
  ): Promise<void> {
    if (await hasLocalWork(join(path, ".git"), from))
      throw conflict("has commits, branches or stashes of its own");
    await this.#withIndex(async (index) => {
      const inPlace = this.#inPlace(path, to.mirror, index, signal);
      await inPlace(["read-tree", from.commit]);
      await inPlace(["update-index", "-q", "--ignore-submodules", "--refresh"]).catch(ignoreFailure);
      await orConflict(inPlace(["diff-files", "--quiet", "--ignore-submodules=all"]), "has changed files");
      const dryRun = ["read-tree", "-n", "-m", "-u", from.commit, to.commit];
      await orConflict(inPlace(dryRun), "has files that the new commit has too");
    });
  }

  /**
   * Changes the files from one commit to another and replaces the `.git`. Overwrites what is in its way: after a sync
   * that was killed, some files are changed already.
   */
  async update(path: string, from: Pick<Head, "commit">, to: Source, signal: AbortSignal): Promise<void> {
    const repository = join(this.staging, randomUUID());
    try {
      await this.#makeRepository(repository, to, signal);
      await this.#withIndex(async (index) => {
        const inPlace = this.#inPlace(path, to.mirror, index, signal);
        await inPlace(["read-tree", from.commit]);
        await inPlace(["read-tree", "--reset", "-u", to.commit]);
        await copyFile(index, join(repository, ".git", "index"));
      });
      await this.#replace(join(path, ".git"), join(repository, ".git"));
    } finally {
      await rm(repository, { recursive: true, force: true });
    }
  }

  /** Removes a checkout: out of sight first, since removing takes time. */
  async remove(path: string): Promise<void> {
    const trash = join(this.staging, randomUUID());
    await mkdir(this.staging, { recursive: true, mode: 0o700 });
    await rename(path, trash).catch(ignoreMissing);
    await rm(trash, { recursive: true, force: true, maxRetries: 3 });
  }

  async #replace(old: string, made: string): Promise<void> {
    const trash = join(this.staging, randomUUID());
    await rename(old, trash).catch(ignoreMissing);
    await rename(made, old);
    await rm(trash, { recursive: true, force: true });
  }

  /** A repository without files, whose branch, or HEAD, is at the commit. */
  async #makeRepository(
    folder: string,
    { mirror, url, branch, commit, submodules = [] }: Source,
    signal: AbortSignal,
  ): Promise<void> {
    const run = (args: readonly string[], more: object = {}) =>
      this.git({ args, cwd: folder, signal, ...more });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await run(["init", "--quiet", "--template=", `--initial-branch=${branch ?? "main"}`]);
    const { from, to } = refsOf({ branch, commit });
    const fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--update-shallow"];
    await run([...fetch, mirror, `${from}:${to}`], {
      env: { GIT_ALLOW_PROTOCOL: "file" },
      settings: { "protocol.file.allow": "always" },
    });
    if (branch === undefined) {
      await run(["update-ref", "--no-deref", "HEAD", commit]);
      await run(["update-ref", "-d", to]);
    } else {
      await run(["update-ref", from, commit]);
      await run(["update-ref", to, commit]);
    }
    for (const [name, value] of [
      ["remote.origin.url", url],
      ["remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"],
      ...(branch === undefined
        ? []
        : ([
            [`branch.${branch}.remote`, "origin"],
            [`branch.${branch}.merge`, from],
          ] as const)),
      ...submodules.flatMap((one) => [
        [`submodule.${one.name}.active`, "true"] as const,
        [`submodule.${one.name}.url`, one.url] as const,
      ]),
    ] as const)
      await run(["config", "--local", name, value]);
  }

  async #withIndex(use: (index: string) => Promise<void>): Promise<void> {
    const folder = join(this.staging, randomUUID());
    await mkdir(folder, { recursive: true, mode: 0o700 });
    try {
      await use(join(folder, "index"));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Git on the files of a checkout, with the mirror as the repository: the checkout's own `.git` is not read. */
  #inPlace(path: string, mirror: string, index: string, signal: AbortSignal) {
    const env = { GIT_DIR: mirror, GIT_WORK_TREE: path, GIT_INDEX_FILE: index };
    return (args: readonly string[]) => this.git({ args, cwd: path, env, signal });
  }
}

/** Where the commit is in the bare repository, and where it goes in a checkout. */
function refsOf({ branch, commit }: Pick<Source, "branch" | "commit">) {
  if (branch === undefined) return { from: `refs/modules/${commit}`, to: "refs/claudeway/module" };
  return { from: `refs/heads/${branch}`, to: `refs/remotes/origin/${branch}` };
}

function ignoreFailure(error: unknown): void {
  if (!(error instanceof GitError) || error.end !== "failed") throw error;
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
}

async function orConflict(run: Promise<string>, what: string): Promise<void> {
  try {
    await run;
  } catch (error) {
    ignoreFailure(error);
    throw conflict(what);
  }
}

function conflict(what: string): Refusal {
  return new Refusal(
    409,
    `the checkout ${what}, which the sync would lose; keep them elsewhere, or delete the repository first`,
  );
}
