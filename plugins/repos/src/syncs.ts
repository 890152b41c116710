import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type PluginScope, Refusal } from "@claudeway/core";
import { Checkouts } from "./checkout.js";
import type { ReposConfig } from "./config.js";
import { type Git, GitError } from "./git.js";
import { JoinedSync } from "./joined-sync.js";
import type { Logins } from "./login.js";
import { Mirror } from "./mirror.js";
import { ModuleFolders } from "./modules.js";
import { isFolder } from "./plain-folders.js";
import type { Head, RepoRecord, RepoRecords } from "./records.js";
import { parseRemote, type Remote } from "./remote.js";
import type { Module, Source } from "./source.js";
import { Submodules } from "./submodules.js";
import { Turnstile } from "./turnstile.js";
import { withSignal } from "./with-signal.js";

/** The host has no address, or does not answer: no mistake of the caller. */
export class HostUnreachable extends Error {
  constructor(reason: string) {
    super(`the host of the repository can't be reached: ${reason}`);
  }
}

export interface Synced extends Head {
  readonly path: string;
  readonly status: "cloned" | "updated";
}

/** What a sync is asked for. */
export interface SyncRequest {
  readonly branch: string | undefined;
  /** Undefined: as the last sync of the repository. */
  readonly submodules: boolean | undefined;
}

export interface SyncParts {
  readonly config: ReposConfig;
  /** Absolute. */
  readonly reposDir: string;
  readonly records: RepoRecords;
  readonly logins: Logins;
  readonly git: Git;
  readonly log: Pick<PluginScope["log"], "info">;
  /** Aborted when the plugin is disabled. */
  readonly signal: AbortSignal;
}

const STOPPED = "the sync was stopped: the plugin was disabled";
const BYTES_PER_MB = 1024 * 1024;

/** Clones and updates each key's repositories. */
export class Syncs {
  readonly checkouts: Checkouts;
  readonly #modules: ModuleFolders;
  /** Syncs that run or wait, by key, repository and branch: a second request for the same joins the first. */
  readonly #joined = new Map<string, JoinedSync<Synced>>();
  /** Syncs and removals that run. */
  readonly #running = new Set<Promise<unknown>>();
  readonly #places: Turnstile;

  constructor(private readonly parts: SyncParts) {
    this.checkouts = new Checkouts(parts.git, join(parts.reposDir, ".staging"));
    this.#modules = new ModuleFolders(this.checkouts);
    this.#places = new Turnstile(parts.config.max_syncs);
  }

  /**
   * Clones the repository for the key, or updates it. Rejects with a Refusal.
   *
   * @param gone aborted when the client disconnects: a sync that still waits is given up once all its clients have
   */
  sync(keyId: string, remote: Remote, request: SyncRequest, gone: AbortSignal): Promise<Synced> {
    if (request.submodules === true && !this.parts.config.submodules)
      throw new Refusal(403, "submodules must be allowed by [plugins.repos] submodules = true");
    const { branch, submodules } = request;
    const what = JSON.stringify([keyId, remote.url, branch ?? null, submodules ?? null]);
    const known = this.#joined.get(what);
    if (known?.isJoinable === true) return known.join(gone);
    const sync = new JoinedSync((left, begun) =>
      this.#limited(keyId, remote, request, left, begun).finally(() => {
        if (this.#joined.get(what) === sync) this.#joined.delete(what);
      }),
    );
    this.#joined.set(what, sync);
    return sync.join(gone);
  }

  /** Removes a repository with its files. False: the key has none of this name. */
  async remove(keyId: string, name: string, gone: AbortSignal): Promise<boolean> {
    return this.#alone(keyId, name, gone, async () => {
      const record = this.parts.records.get(keyId, name);
      if (record === undefined) return false;
      await this.checkouts.remove(record.path);
      await this.parts.records.remove(keyId, name);
      this.parts.log.info({ key_id: keyId, repository: name }, "a repository was removed");
      return true;
    });
  }

  /** Waits until the operations that run have ended. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  mirrorOf(record: Pick<RepoRecord, "keyId" | "name">): Mirror {
    const { records, config } = this.parts;
    return this.#mirrorIn(records.mirrorOf(record.keyId, record.name), config.max_mb * BYTES_PER_MB);
  }

  /**
   * Makes a checkout of a commit that was synced, with its submodules if the last sync had them. The caller removes what is
   * left in `beside`.
   */
  async checkOut(
    record: RepoRecord,
    head: Head,
    folder: string,
    beside: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { config } = this.parts;
    const mirror = this.mirrorOf(record);
    const modules =
      config.submodules && record.submodules === true
        ? await this.#submodulesOf(record).fetched(
            mirror,
            parseRemote(record.url, config),
            head.commit,
            signal,
          )
        : [];
    const more = (partial: string) => this.#modules.create(partial, modules, signal);
    await this.checkouts.create(folder, sourceOf(head, mirror, record.url, modules), signal, {
      beside,
      more,
    });
  }

  #submodulesOf({ keyId, name }: Pick<RepoRecord, "keyId" | "name">): Submodules {
    const { records, config, logins } = this.parts;
    const parts = {
      config,
      mirrorIn: (folder: string, maxBytes: number) => this.#mirrorIn(folder, maxBytes),
      loginAt: (remote: Remote) => logins.of(keyId, remote),
    };
    return new Submodules(parts, records.modulesOf(keyId, name));
  }

  #mirrorIn(folder: string, maxBytes: number): Mirror {
    const { git, config } = this.parts;
    return new Mirror(folder, git, { depth: config.depth, maxBytes });
  }

  async #limited(
    keyId: string,
    remote: Remote,
    request: SyncRequest,
    left: AbortSignal,
    begun: () => void,
  ): Promise<Synced> {
    this.#refuseName(keyId, remote.name);
    const { signal: off, config } = this.parts;
    return this.#alone(keyId, remote.name, left, async () => {
      begun();
      return withSignal({ signals: [off], ms: config.timeout_secs * 1000 }, async (signal) => {
        try {
          return await this.#sync(keyId, remote, request, signal);
        } catch (error) {
          throw this.#refusalOf(error, signal.aborted && !off.aborted);
        }
      });
    });
  }

  #refusalOf(error: unknown, timedOut: boolean): unknown {
    if (!(error instanceof GitError)) return error;
    const { timeout_secs, max_mb } = this.parts.config;
    if (timedOut) return new Refusal(408, `the sync did not finish within ${timeout_secs} s`);
    if (error.end === "limit") return new Refusal(413, `the repository must have at most ${max_mb} MB`);
    if (error.end === "stopped") return new Refusal(409, STOPPED);
    if (error.end === "unreachable") return new HostUnreachable(error.reason);
    return new Refusal(400, `git could not sync the repository: ${error.reason}`);
  }

  async #sync(keyId: string, remote: Remote, request: SyncRequest, signal: AbortSignal): Promise<Synced> {
    const { records, logins, log, config } = this.parts;
    this.#refuseName(keyId, remote.name);
    const mirror = this.mirrorOf({ keyId, name: remote.name });
    const known = records.get(keyId, remote.name);
    await mkdir(this.parts.reposDir, { recursive: true, mode: 0o700 });
    const head = await mirror.fetch(
      remote,
      request.branch ?? known?.branch,
      logins.of(keyId, remote),
      signal,
    );
    const submodules = config.submodules && (request.submodules ?? known?.submodules ?? false);
    const modules = submodules
      ? await this.#submodulesOf({ keyId, name: remote.name }).fetch(mirror, remote, head.commit, signal)
      : [];
    const path = join(this.parts.reposDir, keyId, remote.name);
    const source = sourceOf(head, mirror, remote.url, modules);
    const status = (await this.#isThere(known)) ? "updated" : "cloned";
    if (known === undefined) await this.#refuseFolder(path);
    const record = {
      ...head,
      name: remote.name,
      keyId,
      url: remote.url,
      path,
      syncedAt: new Date().toISOString(),
      submodules,
      modules,
    };
    if (known !== undefined && status === "updated") await this.#update(known, record, source, signal);
    else await this.#clone(known, record, source, signal);
    await records.save(record);
    log.info({ key_id: keyId, repository: remote.name, ...head }, `a repository was ${status}`);
    return { path, status, ...head };
  }

  async #isThere(known: RepoRecord | undefined): Promise<boolean> {
    return known !== undefined && (await isFolder(known.path));
  }

  /** Saves a record before the checkout appears, so that a sync that is killed in between leaves no unknown folder. */
  async #clone(
    known: RepoRecord | undefined,
    record: RepoRecord,
    source: Source,
    signal: AbortSignal,
  ): Promise<void> {
    const { branch, commit, path, keyId, name, modules = [] } = record;
    await this.parts.records.save({ ...record, updating: { branch, commit } });
    try {
      const more = (folder: string) => this.#modules.create(folder, modules, signal);
      await this.checkouts.create(path, source, signal, { more });
    } catch (error) {
      if (known === undefined) await this.parts.records.remove(keyId, name);
      throw error;
    }
  }

  /** Throws a Refusal where something is in the way that no sync has made. */
  async #refuseFolder(path: string): Promise<void> {
    if (await isFolder(path))
      throw new Refusal(409, `${path} must not exist before the first sync; move it elsewhere`);
  }

  async #update(known: RepoRecord, record: RepoRecord, source: Source, signal: AbortSignal): Promise<void> {
    const { updating, path, commit, branch, modules: before = [] } = known;
    const { modules: after = [] } = record;
    const isSame = commit === source.commit && branch === source.branch && isEqual(before, after);
    if (updating === undefined && isSame) return;
    // After an update that was killed, changed files are its own.
    if (updating === undefined) {
      await this.checkouts.refuseLosses(path, known, source, signal);
      await this.#modules.refuseLosses(path, { before, after }, signal);
    }
    const { commit: to, branch: at } = record;
    await this.parts.records.save({ ...known, updating: { commit: to, branch: at, modules: after } });
    await this.checkouts.update(path, known, source, signal);
    const change = {
      before: [...before, ...(updating?.modules ?? [])],
      after,
      isResumed: updating !== undefined,
    };
    await this.#modules.update(path, change, signal);
  }

  /** Throws a Refusal where the key has too many repositories, or one whose folder would contain this one's. */
  #refuseName(keyId: string, name: string): void {
    const { records, config } = this.parts;
    const mine = records.list(keyId);
    if (mine.some((one) => one.name === name)) return;
    if (mine.length >= config.max_repos) {
      throw new Refusal(409, `this key must have at most ${config.max_repos} repositories; delete one first`);
    }
    const other = mine.find((one) => one.name.startsWith(`${name}/`) || name.startsWith(`${one.name}/`));
    if (other !== undefined)
      throw new Refusal(
        409,
        `the repository must not be inside another one, got ${name} beside ${other.name}`,
      );
  }

  /** Runs an operation on a repository once it has a place, after the earlier ones on it. `gone` ends the wait only. */
  async #alone<T>(keyId: string, name: string, gone: AbortSignal, run: () => Promise<T>): Promise<T> {
    const { signal: off } = this.parts;
    const leave = await withSignal({ signals: [off, gone] }, (signal) =>
      this.#places.enter({ keyId, alone: name }, signal),
    );
    // All clients may have left after it was let in, too.
    if (gone.aborted) leave?.();
    if (leave === undefined || gone.aborted) {
      if (off.aborted) throw new Refusal(409, STOPPED);
      if (gone.aborted) throw new Refusal(400, "the client disconnected");
      throw new Refusal(429, "too many repositories are being synced", { retryAfterSecs: 10 });
    }
    const running = run().finally(leave);
    this.#running.add(running);
    return running.finally(() => this.#running.delete(running));
  }
}

function sourceOf(head: Head, mirror: Mirror, url: string, modules: readonly Module[]): Source {
  return { ...head, mirror: mirror.folder, url, submodules: modules.filter(({ parent }) => parent === "") };
}

function isEqual(one: readonly Module[], other: readonly Module[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
