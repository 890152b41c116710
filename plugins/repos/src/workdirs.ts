import { readdir, realpath, rm } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { type PluginScope, Refusal, type WorkdirRequest } from "@claudeway/core";
import { GitError } from "./git.js";
import type { RepoRecord, RepoRecords } from "./records.js";
import { isBranch, shown } from "./remote.js";
import type { Syncs } from "./syncs.js";
import { Turnstile } from "./turnstile.js";
import { withSignal } from "./with-signal.js";

export interface WorkdirParts {
  readonly records: RepoRecords;
  readonly syncs: Syncs;
  /** Absolute. */
  readonly reposDir: string;
  /** The base folder of the workdirs, absolute. */
  readonly base: string;
  /** Whether the CLI runs in a sandbox, so that a key's tool calls can do less than the gateway. */
  readonly isWalled: () => boolean;
  readonly log: Pick<PluginScope["log"], "warn">;
  /** Aborted when the plugin is disabled. */
  readonly signal: AbortSignal;
}

interface Found {
  readonly repository: RepoRecord;
  readonly branch: string;
}

const PREFIX = "repo:";
/** The gateway gives a tap ten seconds. */
const CHECKOUT_MS = 9000;
/** How many checkouts are made at once, and how long one may wait for its place: the rest of its time must be enough for it. */
const MAX_CHECKOUTS = 8;
const MAX_WAIT_MS = 4000;
/** A checkout that runs out of time has waited for others if it waited longer than this. */
const SHORT_WAIT_MS = 100;
/** Checkouts that are being made for sessions are in the base folder, under names with this prefix. */
const PARTIAL = ".repo-";

/** The folders of repositories that requests name: a checkout for each session, and no other key's repositories. */
export class RepoWorkdirs {
  readonly #places = new Turnstile(MAX_CHECKOUTS);
  /** Checkouts that are being made, or removed because they are not complete. */
  readonly #running = new Set<Promise<void>>();

  constructor(private readonly parts: WorkdirParts) {}

  /** Waits until no checkout is being made, and what was not completed is removed. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Removes what a gateway left that was killed while it made checkouts. */
  async sweep(): Promise<void> {
    const entries = await readdir(this.parts.base).catch(() => []);
    for (const entry of entries.filter((name) => name.startsWith(PARTIAL)))
      await rm(join(this.parts.base, entry), { recursive: true, force: true });
  }

  /** The tap: the folder for `repo:owner/name@branch`; undefined for a path. Throws a Refusal. */
  async folderFor(request: WorkdirRequest): Promise<string | undefined> {
    const { name, field, ownFolder } = request;
    if (!name.startsWith(PREFIX)) {
      await this.#refuseOthers(request);
      return undefined;
    }
    if (ownFolder === undefined) throw new Refusal(400, `${field} must be a path, got ${shown(name)}`);
    const found = this.#found(request);
    return withSignal({ signals: [this.parts.signal], ms: CHECKOUT_MS }, (signal) =>
      this.#checkOut(request, found, ownFolder, signal),
    );
  }

  /** Waits for a place, then makes the checkout. Resolves to its folder. */
  async #checkOut(
    request: WorkdirRequest,
    found: Found,
    ownFolder: string,
    signal: AbortSignal,
  ): Promise<string> {
    const { field, keyId } = request;
    const arrived = performance.now();
    const leave = await withSignal({ signals: [signal], ms: MAX_WAIT_MS }, (patience) =>
      this.#places.enter({ keyId }, patience),
    );
    if (leave === undefined) throw tooMany();
    const hasWaited = performance.now() - arrived > SHORT_WAIT_MS;
    const beside = join(dirname(ownFolder), PARTIAL + basename(ownFolder));
    const made = this.#make(request, found, { folder: ownFolder, beside }, signal);
    this.#removeAfter(made, beside, leave);
    try {
      await made;
      return ownFolder;
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      if (error.end === "stopped" && hasWaited) throw tooMany();
      const why = error.end === "stopped" ? `within ${CHECKOUT_MS / 1000} s` : `(${error.reason})`;
      throw new Refusal(
        400,
        `${field}: ${keyId}'s repository ${found.repository.name} could not be checked out ${why}`,
      );
    }
  }

  async #make(
    { name, field }: WorkdirRequest,
    { repository, branch }: Found,
    { folder, beside }: { readonly folder: string; readonly beside: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { syncs } = this.parts;
    const commit = await syncs.mirrorOf(repository).commitOf(branch, signal);
    if (commit === undefined) {
      throw new Refusal(
        400,
        `${field} must name a branch that was synced, got ${shown(name)}; sync it first`,
      );
    }
    await syncs.checkOut(repository, { branch, commit }, folder, beside, signal);
  }

  /** Removes what is left of a checkout, then gives its place back. The answer does not wait for it: it has a deadline. */
  #removeAfter(made: Promise<void>, beside: string, leave: () => void): void {
    const removed = made
      .catch(() => undefined)
      .then(() => rm(beside, { recursive: true, force: true, maxRetries: 3 }))
      .catch((error: unknown) =>
        this.parts.log.warn({ err: error }, `what is left of a checkout could not be removed: ${beside}`),
      )
      .finally(() => {
        leave();
        this.#running.delete(removed);
      });
    this.#running.add(removed);
  }

  /** Removes the folder that was made for a one-shot task: the gateway keeps it for the plugin to remove. */
  async removeOfTask(workdir: string, id: string): Promise<void> {
    if (basename(workdir) === id && dirname(workdir) === this.parts.base)
      await rm(workdir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  /** The one repository of the key that the name fits: `owner/name`, or with its host. */
  #found({ name, field, keyId }: WorkdirRequest): Found {
    const [path = "", ...rest] = name.slice(PREFIX.length).split("@");
    const fitting = this.parts.records
      .list(keyId)
      .filter((one) => one.name === path || one.name.endsWith(`/${path}`));
    const exact = fitting.filter((one) => one.name === path);
    const [repository, other] = exact.length > 0 ? exact : fitting;
    if (path === "" || repository === undefined) {
      throw new Refusal(
        400,
        `${field} must name a repository that was synced with this key, got ${shown(name)}`,
      );
    }
    if (other !== undefined) {
      throw new Refusal(
        400,
        `${field} must name one repository, got ${shown(name)}; add the host: repo:${repository.name}`,
      );
    }
    const branch = rest.length === 0 ? repository.branch : rest.join("@");
    if (!isBranch(branch))
      throw new Refusal(400, `${field} must end with the name of a branch, got ${shown(name)}`);
    return { repository, branch };
  }

  /**
   * A key's repositories are its own, although they are below one folder. In a sandbox, none is open: a sync writes to it, and
   * a call that replaces a folder by a link meanwhile could have the gateway write where the call can't.
   */
  async #refuseOthers({
    name,
    field,
    keyId,
  }: Pick<WorkdirRequest, "name" | "field" | "keyId">): Promise<void> {
    const { base, reposDir, records, isWalled } = this.parts;
    const real = await realPath(resolve(base, name));
    const realDir = await realPath(reposDir);
    const isInside = isWithin(real, realDir);
    if (!isInside && !isWithin(realDir, real)) return;
    for (const { path, name: repository } of isInside ? records.list(keyId) : []) {
      if (!isWithin(real, await realPath(path))) continue;
      if (!isWalled()) return;
      throw new Refusal(
        403,
        `${field} must be a checkout of the session's own where the CLI runs in a sandbox: repo:${repository}, got ${shown(name)}`,
      );
    }
    throw new Refusal(
      400,
      `${field} must not be, contain, or be inside the folder of the repositories, except for this key's own, got ${shown(name)}`,
    );
  }
}

function tooMany(): Refusal {
  return new Refusal(429, "too many repositories are being checked out", { retryAfterSecs: 5 });
}

/** The path with its links followed, as far as it exists. */
async function realPath(path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real !== undefined || path === dirname(path)) return real ?? path;
  return join(await realPath(dirname(path)), basename(path));
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
