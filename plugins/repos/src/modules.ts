import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Refusal } from "@claudeway/core";
import type { Checkouts } from "./checkout.js";
import { isFolderWithin } from "./plain-folders.js";
import { shown } from "./remote.js";
import type { Module } from "./source.js";

/** What changes in a checkout. */
export interface ModuleChange {
  readonly before: readonly Module[];
  readonly after: readonly Module[];
  /** A sync was killed in between: what is there may be any of both. */
  readonly isResumed?: boolean;
}

/**
 * The submodules in a checkout. Each is a folder with a `.git` of its own, which is made and replaced as that of the
 * checkout: git never runs on one that was handed out.
 */
export class ModuleFolders {
  constructor(private readonly checkouts: Checkouts) {}

  /** Adds modules to a checkout that nothing works in yet. They are made in its `.git`: what is left is removed with it. */
  async create(folder: string, modules: readonly Module[], signal: AbortSignal): Promise<void> {
    const beside = join(folder, ".git", "module");
    for (const module of modules) await this.#add(folder, module, signal, beside);
  }

  /** Throws a Refusal with CONFLICT if an update would lose work in a submodule, or has no place for one. */
  async refuseLosses(folder: string, { before, after }: ModuleChange, signal: AbortSignal): Promise<void> {
    for (const module of after) {
      const old = before.find((one) => isSamePlace(one, module));
      if (old === undefined || !(await isCheckedOut(folder, module))) await refuseFiles(folder, module);
      else if (old.commit !== module.commit) await this.#refuseLossesOf(folder, old, module, signal);
    }
  }

  /** Brings the modules to their new commits. Folders of modules that the new commit lacks stay, as git leaves them. */
  async update(folder: string, change: ModuleChange, signal: AbortSignal): Promise<void> {
    for (const module of change.after) {
      const old = change.before.find((one) => isSamePlace(one, module));
      if (old === undefined || !(await isCheckedOut(folder, module))) await this.#add(folder, module, signal);
      else if (old.commit !== module.commit || change.isResumed === true)
        await this.checkouts.update(join(folder, module.path), old, module, signal);
    }
  }

  async #refuseLossesOf(folder: string, old: Module, module: Module, signal: AbortSignal): Promise<void> {
    try {
      await this.checkouts.refuseLosses(join(folder, module.path), old, module, signal);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new Refusal(error.status, `in the submodule ${shown(module.path)}, ${error.message}`);
    }
  }

  /** Git has made its folder, which is empty. */
  async #add(folder: string, module: Module, signal: AbortSignal, beside?: string): Promise<void> {
    await refuseFiles(folder, module);
    const where = beside === undefined ? {} : { beside };
    await this.checkouts.create(join(folder, module.path), module, signal, where);
  }
}

/** The same repository in the same folder. */
function isSamePlace(one: Module, other: Module): boolean {
  return one.path === other.path && one.url === other.url;
}

function isCheckedOut(folder: string, { path }: Module): Promise<boolean> {
  return isFolderWithin(folder, `${path}/.git`);
}

/** Throws a Refusal if the module's folder has files, or can't be reached without a link. */
async function refuseFiles(folder: string, { path }: Module): Promise<void> {
  const above = dirname(path);
  const isReachable = above === "." || (await isFolderWithin(folder, above));
  const files = await readdir(join(folder, path)).catch((error: NodeJS.ErrnoException) =>
    error.code === "ENOENT" ? [] : undefined,
  );
  if (isReachable && files?.length === 0) return;
  const where = `the folder ${shown(path)} of a submodule`;
  throw new Refusal(409, `${where} must be empty, and not behind a link; move it elsewhere`);
}
