import { randomUUID } from "node:crypto";
import type { Dirent } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { GatewayError, type PageQuery, type SessionRecord } from "@claudeway/ports";
import type { FileEntry, FileList, FileWritten } from "@claudeway/schemas";
import { SESSION_ID, type Workdirs } from "../workdirs.js";
import { fileError, isLink, noSuchFile, notRegular } from "./file-errors.js";
import { Folder } from "./folder.js";
import { refuseRunFiles } from "./refuse-run-files.js";

/** Names of a folder that are listed; of a larger one the rest is left out. */
const MAX_LISTED = 50_000;
/** Of an upload that is under way, or was cut off with the gateway. */
const UPLOAD_PREFIX = ".claudeway-upload-";

/** Whether a name is that of an upload that is under way. */
export function isUploadName(name: string): boolean {
  return name.startsWith(UPLOAD_PREFIX);
}

/** A file that is open to be read, and what a client has to know of it. */
export interface OpenFile {
  readonly handle: FileHandle;
  readonly size: number;
  readonly modifiedAt: Date;
  /** Changes with the file. */
  readonly version: string;
}

/** The session or task whose workdir it is. */
export type FileOwner = Pick<SessionRecord, "id" | "keyId" | "workdir" | "ownsWorkdir">;

/** The files in a session's workdir. No link is followed, so that nothing outside of it is ever reached. */
export class SessionFiles {
  constructor(
    private readonly workdirs: Pick<Workdirs, "serves" | "ownerOf">,
    private readonly maxListed = MAX_LISTED,
  ) {}

  /** Opens a file, or lists a folder. Whoever gets an open file closes it. */
  open(session: FileOwner, names: readonly string[], query: PageQuery): Promise<OpenFile | FileList> {
    return this.#inFolder(session, names, false, async (folder, name) => {
      if (name === undefined) return this.#list(folder, names, query, session);
      const found = await folder.stat(name);
      if (found.isSymbolicLink()) throw isLink();
      if (!found.isDirectory()) return openFile(folder, name);
      const inside = await folder.folder(name);
      try {
        await this.#refuseOthers(inside, session);
        return await this.#list(inside, names, query, session);
      } finally {
        await inside.close();
      }
    });
  }

  /**
   * Writes a file, whole or not at all, and the folders that it lies in. `write` fills it; where that rejects, nothing
   * is changed.
   */
  put(
    session: FileOwner,
    names: readonly string[],
    write: (file: FileHandle) => Promise<number>,
  ): Promise<FileWritten> {
    return this.#inFolder(session, names, true, async (folder, name) => {
      if (name === undefined) throw new GatewayError("BAD_REQUEST", "the workdir itself is not a file");
      const replaced = await folder.find(name);
      if (replaced?.isSymbolicLink()) throw isLink();
      if (replaced?.isDirectory()) throw new GatewayError("CONFLICT", "it is a folder");
      if (replaced !== undefined && !replaced.isFile()) throw notRegular();
      const upload = UPLOAD_PREFIX + randomUUID();
      const file = await folder.create(upload);
      try {
        try {
          if (replaced !== undefined) await file.chmod(replaced.mode & 0o777);
          const size = await write(file);
          await folder.rename(upload, name);
          return { path: names.join("/"), size, created: replaced === undefined };
        } finally {
          await file.close();
        }
      } catch (error) {
        await folder.unlink(upload).catch(() => undefined);
        throw error;
      }
    });
  }

  /** Removes a file, a link itself, or an empty folder. */
  async remove(session: FileOwner, names: readonly string[]): Promise<void> {
    await this.#inFolder(session, names, true, async (folder, name) => {
      if (name === undefined) throw new GatewayError("BAD_REQUEST", "the workdir itself is not removed");
      if ((await folder.stat(name)).isDirectory()) await folder.removeFolder(name);
      else await folder.unlink(name);
    });
  }

  /** Opens the folder that the last name is in, made if it is missing and is to be written in. */
  async #inFolder<T>(
    session: FileOwner,
    names: readonly string[],
    writes: boolean,
    use: (folder: Folder, name: string | undefined) => Promise<T>,
  ): Promise<T> {
    try {
      let folder = await this.#openWorkdir(session);
      try {
        if (writes) refuseRunFiles(await folder.realPath(), names);
        for (const name of names.slice(0, -1)) {
          await this.#refuseOthers(folder, session, name);
          const inner = await enter(folder, name, writes);
          await folder.close();
          folder = inner;
        }
        await this.#refuseOthers(folder, session, names.at(-1));
        return await use(folder, names.at(-1));
      } finally {
        await folder.close();
      }
    } catch (error) {
      throw fileError(error) ?? error;
    }
  }

  async #openWorkdir(session: FileOwner): Promise<Folder> {
    const folder = await Folder.open(session.workdir);
    try {
      if (await this.workdirs.serves(await folder.realPath(), session)) return folder;
      throw new GatewayError(
        "FORBIDDEN",
        `the files of ${session.workdir} are not served: the gateway did not make it, and [keys.${session.keyId}] workdirs does not name it`,
      );
    } catch (error) {
      await folder.close();
      throw error;
    }
  }

  /** A folder that was made for another session may lie in a named one. */
  async #refuseOthers(folder: Folder, { id }: FileOwner, name = ""): Promise<void> {
    const owner = await this.workdirs.ownerOf(join(await folder.realPath(), name));
    if (owner !== undefined && owner !== id) throw noSuchFile();
  }

  async #list(
    folder: Folder,
    names: readonly string[],
    { page, limit }: PageQuery,
    session: FileOwner,
  ): Promise<FileList> {
    const { found, truncated } = await namesIn(folder, this.maxListed);
    const own = await this.#withoutOthers(folder, found, session);
    own.sort((a, b) => (a.name < b.name ? -1 : 1));
    const shown = own.slice((page - 1) * limit, page * limit);
    const entries = [];
    for (const entry of shown) entries.push(await entryOf(folder, entry));
    return {
      path: names.join("/"),
      entries: entries.filter((entry) => entry !== undefined),
      total: own.length,
      page,
      limit,
      ...(truncated && { truncated }),
    };
  }

  /** Their names are the ids of other sessions. */
  async #withoutOthers(folder: Folder, found: readonly Dirent[], { id }: FileOwner): Promise<Dirent[]> {
    const path = await folder.realPath();
    const own: Dirent[] = [];
    for (const entry of found) {
      const isLikeSession = SESSION_ID.test(entry.name);
      const owner = isLikeSession ? await this.workdirs.ownerOf(join(path, entry.name)) : id;
      if (owner === undefined || owner === id) own.push(entry);
    }
    return own;
  }
}

async function enter(folder: Folder, name: string, makes: boolean): Promise<Folder> {
  const found = await folder.find(name);
  if (found?.isSymbolicLink()) throw isLink();
  if (found === undefined && makes) await folder.make(name);
  if (found !== undefined && !found.isDirectory() && makes)
    throw new GatewayError("CONFLICT", `${JSON.stringify(name)} is not a folder`);
  return folder.folder(name);
}

async function openFile(folder: Folder, name: string): Promise<OpenFile> {
  const handle = await folder.file(name);
  try {
    const stat = await handle.stat({ bigint: true });
    if (!stat.isFile()) throw notRegular();
    const version = [stat.ino, stat.size, stat.mtimeNs].map((part) => part.toString(36)).join("-");
    return { handle, size: Number(stat.size), modifiedAt: stat.mtime, version };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function namesIn(folder: Folder, most: number): Promise<{ found: Dirent[]; truncated: boolean }> {
  const found: Dirent[] = [];
  // Leaving the loop closes it.
  for await (const entry of await folder.list()) {
    if (found.length === most) return { found, truncated: true };
    found.push(entry);
  }
  return { found, truncated: false };
}

/** Undefined: it has gone since. */
async function entryOf(folder: Folder, { name }: Dirent): Promise<FileEntry | undefined> {
  const found = await folder.find(name);
  if (found === undefined) return undefined;
  const type = found.isFile()
    ? "file"
    : found.isDirectory()
      ? "folder"
      : found.isSymbolicLink()
        ? "link"
        : "other";
  return { name, type, size: type === "file" ? found.size : null, modified_at: found.mtime.toISOString() };
}
