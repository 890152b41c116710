import { hash } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Refusal } from "@claudeway/core";
import type { ReposConfig } from "./config.js";
import { GitError } from "./git.js";
import { submodulesOf } from "./gitmodules.js";
import type { Login } from "./login.js";
import type { Mirror } from "./mirror.js";
import type { Remote } from "./remote.js";
import type { Module } from "./source.js";

export interface SubmoduleParts {
  readonly config: Pick<
    ReposConfig,
    "hosts" | "schemes" | "max_mb" | "max_submodules" | "max_submodule_depth"
  >;
  /** The bare repository of a submodule in this folder, with a limit in bytes. */
  readonly mirrorIn: (folder: string, maxBytes: number) => Mirror;
  readonly loginAt: (remote: Remote) => Login;
}

/** A commit whose submodules are looked for. */
interface Parent {
  readonly mirror: Mirror;
  readonly remote: Remote;
  readonly commit: string;
  /** Below the checkout; empty for the repository itself. */
  readonly path: string;
  readonly depth: number;
}

const BYTES_PER_MB = 1024 * 1024;

/**
 * The submodules of a repository, nested ones too. Each is fetched into a bare repository of its own, as the repository
 * itself is, from a URL that a request could have: `git submodule` is never run.
 */
export class Submodules {
  constructor(
    private readonly parts: SubmoduleParts,
    /** Has a bare repository for each URL. */
    private readonly folder: string,
  ) {}

  /** Fetches what the commit needs, and forgets what it does not. Resolves to the modules, outer ones first. */
  async fetch(mirror: Mirror, remote: Remote, commit: string, signal: AbortSignal): Promise<Module[]> {
    const modules = await this.#walk({ mirror, remote, commit, path: "", depth: 0 }, signal, true);
    const needed = new Set(modules.map(({ mirror: folder }) => folder));
    for (const name of await readdir(this.folder).catch(() => []))
      if (!needed.has(join(this.folder, name)))
        await rm(join(this.folder, name), { recursive: true, force: true });
    return modules;
  }

  /** The modules of a commit, if all of them were fetched before; otherwise rejects with a GitError. */
  async fetched(mirror: Mirror, remote: Remote, commit: string, signal: AbortSignal): Promise<Module[]> {
    return this.#walk({ mirror, remote, commit, path: "", depth: 0 }, signal, false);
  }

  async #walk(root: Parent, signal: AbortSignal, mayFetch: boolean): Promise<Module[]> {
    const { config, mirrorIn, loginAt } = this.parts;
    const modules: Omit<Module, "submodules">[] = [];
    const maxBytes = config.max_mb * BYTES_PER_MB;
    const parents = [root];
    let fetched = 0;
    let written = 0;
    for (let parent = parents.shift(); parent !== undefined; parent = parents.shift()) {
      const { tree, listed } = await this.#look(parent, signal);
      written += tree.bytes;
      fetched += await parent.mirror.bytes();
      const found = submodulesOf(tree.links, listed, parent.remote, config);
      if (found.length > 0 && parent.depth >= config.max_submodule_depth)
        throw new Refusal(413, `submodules must be nested at most ${config.max_submodule_depth} deep`);
      if (modules.length + found.length > config.max_submodules)
        throw new Refusal(413, `the repository must have at most ${config.max_submodules} submodules`);
      for (const { path, name, remote, commit } of found) {
        const left = maxBytes - Math.max(fetched, written);
        const mirror = mirrorIn(join(this.folder, `${idOf(remote)}.git`), left);
        if (mayFetch) await mirror.fetchCommit(remote, commit, loginAt(remote), signal);
        else if (!(await mirror.hasCommit(commit, signal)))
          throw new GitError(`the submodule ${path} is missing`);
        const within = parent.path === "" ? path : `${parent.path}/${path}`;
        modules.push({
          path: within,
          parent: parent.path,
          name,
          commit,
          url: remote.url,
          mirror: mirror.folder,
        });
        parents.push({ mirror, remote, commit, path: within, depth: parent.depth + 1 });
      }
    }
    return modules.map((one) => ({
      ...one,
      submodules: modules.filter(({ parent }) => parent === one.path),
    }));
  }

  async #look({ mirror, commit }: Parent, signal: AbortSignal) {
    const tree = await mirror.survey(commit, signal);
    if (tree.links.length > this.parts.config.max_submodules)
      throw new Refusal(
        413,
        `the repository must have at most ${this.parts.config.max_submodules} submodules`,
      );
    return { tree, listed: tree.links.length === 0 ? "" : await mirror.gitmodules(commit, tree, signal) };
  }
}

function idOf({ url }: Remote): string {
  return hash("sha256", url).slice(0, 32);
}
