import { existsSync, lstatSync, mkdirSync } from "node:fs";
import { mkdir, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { GatewayError, type SessionRecord, toGatewayError, type WorkdirRequest } from "@claudeway/ports";
import { codeOf } from "./files/folder.js";
import { matchesFolderPattern } from "./folder-patterns.js";
import { isWithin, locate } from "./located.js";
import { openToOwner } from "./open-to-owner.js";

/** A folder that no workdir may be, contain or be inside. */
export interface GuardedFolder {
  /** Its name for messages. */
  readonly name: string;
  /** The absolute path. */
  readonly path: string;
}

export interface WorkdirOptions {
  /** The base folder, absolute. */
  readonly base: string;
  readonly guarded: readonly GuardedFolder[];
  /** The configuration file, which no workdir may contain. */
  readonly configFile: string | undefined;
  /** What keys may name. */
  readonly limits: {
    /** `workdirs`: the patterns for folders that the key may name; undefined if any folder is allowed. */
    of(keyId: string): { readonly workdirs?: readonly string[] | undefined };
    /** Where the limits of the key are set. */
    placeOf(keyId: string): string;
  };
  readonly sessions: {
    get(id: string): Promise<Pick<SessionRecord, "workdir" | "ownsWorkdir"> | undefined>;
  };
  /** The path that a plugin has for a named folder; undefined if it is a path already. */
  readonly resolve: (request: WorkdirRequest) => Promise<string | undefined>;
}

/** The field of a request that names a folder. */
export type FolderField = WorkdirRequest["field"];

/** A folder to work in, and whether it was made for the session or task alone. */
export interface Workdir {
  readonly path: string;
  readonly made: boolean;
}

/** The user of a folder. */
export interface Occupant {
  readonly keyId: string;
  readonly sessionId: string;
}

/** Sessions' own folders are named after them. */
export const SESSION_ID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** Errors that the path itself causes, for any user. */
const BAD_PATH = ["ENOENT", "ENOTDIR", "EEXIST", "ENAMETOOLONG", "ELOOP", "EACCES", "EPERM"];

/**
 * The folders that Claude works in: the base folder, those that callers name, and one for each session that names none.
 */
export class Workdirs {
  /** The base folder as the beginning of paths, which are not joined anew for each session. */
  readonly #below: string;

  constructor(private readonly options: WorkdirOptions) {
    this.#below = join(options.base, "/");
  }

  get base(): string {
    return this.options.base;
  }

  /** A task's folder: the named one, or the base folder itself, created if need be. Throws BAD_REQUEST. */
  async ofTask(id: string, named: string | undefined, keyId: string): Promise<Workdir> {
    if (named !== undefined) return this.#named(named, { keyId, sessionId: id });
    return { path: await this.baseFolder(), made: false };
  }

  /** A further folder that a caller names, with the same rules as a workdir. Throws BAD_REQUEST. */
  async additional(named: string, keyId: string): Promise<string> {
    const { path } = await this.#named(named, { keyId }, "additional_dirs");
    return path;
  }

  /** The base folder, created if need be. */
  async baseFolder(): Promise<string> {
    const { base } = this.options;
    if (!existsSync(base)) await mkdir(base, { recursive: true, mode: 0o700 });
    return base;
  }

  /** Where the folder of a session is that names none. */
  pathOf(id: string): string {
    return `${this.#below}${id}`;
  }

  /** A session's folder: the named one, or one of its own below the base folder. Throws BAD_REQUEST. */
  async ofSession(id: string, named: string | undefined, keyId: string): Promise<Workdir> {
    if (named !== undefined) return this.#named(named, { keyId, sessionId: id });
    const path = this.pathOf(id);
    try {
      // At once: a thread for one call of the system costs ten times as much as the call.
      mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      await this.baseFolder();
      mkdirSync(path, { mode: 0o700 });
    }
    return { path, made: true };
  }

  /**
   * Creates a folder of the gateway's own again, empty, where it is gone: a cleared `/tmp`, say.
   *
   * @returns whether it was gone; where something else is in its place, or it can't be created, the engine reports that
   */
  async recreate(path: string): Promise<boolean> {
    try {
      return (await mkdir(path, { recursive: true, mode: 0o700 })) !== undefined;
    } catch (error) {
      if (BAD_PATH.includes(codeOf(error))) return false;
      throw error;
    }
  }

  /**
   * Checks a folder that was admitted before, or that a plugin chose: a link may have replaced it since. Throws
   * BAD_REQUEST if it would be refused now. A missing folder passes: the engine reports that.
   */
  async admit(path: string, { keyId, sessionId }: Occupant, field: FolderField = "workdir"): Promise<void> {
    if (path === this.options.base) return;
    const { real } = await locate(path);
    if ((await this.ownerOf(real)) === sessionId) return;
    await this.#refuseNow(real, path, keyId, field);
  }

  /** Whether a folder that was made for the session is still one: `admit` would find that it is the session's own. */
  isAsMade({ id, workdir, ownsWorkdir }: Pick<SessionRecord, "id" | "workdir" | "ownsWorkdir">): boolean {
    return ownsWorkdir && basename(workdir) === id && isFolder(workdir);
  }

  /**
   * Whether the files in a session's folder may be served: the gateway made it for this session, or the key's
   * configuration names it.
   *
   * @param real where the folder is, with every link followed
   */
  async serves(
    real: string,
    { id, keyId, ownsWorkdir }: Pick<SessionRecord, "id" | "keyId" | "ownsWorkdir">,
  ): Promise<boolean> {
    // A task that is about to begin is not in the ledger yet, and its folder is a plugin's for it.
    if (ownsWorkdir && real === join((await locate(this.options.base)).real, id)) return true;
    if (ownsWorkdir) return (await this.ownerOf(real)) === id;
    if (this.options.limits.of(keyId).workdirs === undefined) return false;
    try {
      await this.#refuseNow(real, real, keyId, "workdir");
      return true;
    } catch (error) {
      if (toGatewayError(error) !== undefined) return false;
      throw error;
    }
  }

  /**
   * The session whose own folder the path is or is inside, if any.
   *
   * @param real the path with every link resolved
   */
  async ownerOf(real: string): Promise<string | undefined> {
    for (let path = real; path !== dirname(path); path = dirname(path)) {
      const id = basename(path);
      if (!SESSION_ID.test(id)) continue;
      const session = await this.options.sessions.get(id);
      if (session?.ownsWorkdir !== true) continue;
      const { real: parent } = await locate(dirname(session.workdir));
      if (join(parent, id) === path) return id;
    }
    return undefined;
  }

  /**
   * Removes the folder that `ofSession` made, also below a base folder that was configured before. A link in its place
   * goes, never what it leads to.
   */
  async remove(id: string, path: string): Promise<void> {
    if (basename(path) !== id) throw new Error(`${path} is not a folder that the gateway created`);
    // The session's last process may still be ending and writing.
    const removed = () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    try {
      await removed();
    } catch (error) {
      if (codeOf(error) !== "EACCES") throw error;
      await openToOwner(path);
      await removed();
    }
  }

  /** Removes a folder that was made for the session again if the session was deleted while files were stored in it. */
  async removeIfDeleted({ id, workdir, ownsWorkdir }: Parameters<Workdirs["isAsMade"]>[0]): Promise<void> {
    if (ownsWorkdir && (await this.options.sessions.get(id)) === undefined) await this.remove(id, workdir);
  }

  /** A folder that the caller names: what a plugin has for the name, or a path. */
  async #named(
    name: string,
    { keyId, sessionId }: Partial<Occupant> & Pick<Occupant, "keyId">,
    field: FolderField = "workdir",
  ): Promise<Workdir> {
    const ownFolder = sessionId === undefined ? undefined : join(await this.baseFolder(), sessionId);
    const resolved = await this.options.resolve({ name, field, keyId, sessionId, ownFolder });
    if (resolved !== undefined && resolved === ownFolder) {
      if (!isFolder(resolved)) throw noDirectory(name, field);
      return { path: resolved, made: true };
    }
    return { path: await this.#checked(resolved ?? name, name, keyId, field), made: false };
  }

  /** A path, absolute or below the base folder, where it is created if it is missing. */
  async #checked(path: string, named: string, keyId: string, field: FolderField): Promise<string> {
    const { base } = this.options;
    const found = await locate(resolve(base, path));
    const { real: realBase } = await locate(base);
    const inBase = isWithin(found.real, realBase);
    if (!isAbsolute(path) && !inBase)
      throw refusal("be inside the base folder if it is relative", named, field);
    await this.#refuse(found.real, named, keyId, field);
    if (found.state === "missing" && inBase) await create(found.real, named, field);
    // The checked path is used, so that it cannot be replaced in between.
    const real = await realpath(found.real).catch(() => undefined);
    if (real !== found.real || !(await stat(real)).isDirectory()) throw noDirectory(named, field);
    return real;
  }

  /** The same as `#refuse` for a folder that was admitted before; plugins may refuse it now, too. */
  async #refuseNow(real: string, path: string, keyId: string, field: FolderField): Promise<void> {
    await this.#refuse(real, path, keyId, field);
    const asked = { name: path, field, keyId, sessionId: undefined, ownFolder: undefined, admitted: true };
    await this.options.resolve(asked);
  }

  async #refuse(real: string, named: string, keyId: string, field: FolderField): Promise<void> {
    const { limits } = this.options;
    const { workdirs: patterns } = limits.of(keyId);
    if (patterns !== undefined && !(await matchesAny(real, patterns))) {
      throw refusal(`match ${limits.placeOf(keyId)} workdirs (${patterns.join(", ")})`, named, field);
    }
    const { base, guarded, configFile } = this.options;
    const { real: realBase } = await locate(base);
    for (const { name, path } of guarded) {
      const { real: folder } = await locate(path);
      // The base folder may be inside the data folder; folders below it are workdirs.
      const forWork = isWithin(realBase, folder) && isWithin(real, realBase);
      if (isWithin(folder, real) || (isWithin(real, folder) && !forWork)) {
        throw refusal(`not be, contain, or be inside ${name}`, named, field);
      }
    }
    if (configFile !== undefined && isWithin((await locate(configFile)).real, real)) {
      throw refusal("not contain the configuration file", named, field);
    }
    if ((await this.ownerOf(real)) !== undefined) {
      throw refusal("not be inside a folder created for another session", named, field);
    }
  }
}

/** Not a link to one. */
function isFolder(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
}

async function create(path: string, named: string, field: FolderField): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw BAD_PATH.includes(codeOf(error)) ? noDirectory(named, field) : error;
  }
}

async function matchesAny(real: string, patterns: readonly string[]): Promise<boolean> {
  for (const pattern of patterns) if (await matchesFolderPattern(real, pattern)) return true;
  return false;
}

function noDirectory(named: string, field: FolderField): GatewayError {
  return refusal("be an existing directory", named, field);
}

function refusal(must: string, named: string, field: FolderField): GatewayError {
  return new GatewayError("BAD_REQUEST", `${field} must ${must}, got ${JSON.stringify(named)}`);
}
