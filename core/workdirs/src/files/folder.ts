import { constants, type Dir, existsSync, type Stats } from "node:fs";
import {
  copyFile,
  type FileHandle,
  lstat,
  mkdir,
  open,
  opendir,
  readlink,
  realpath,
  rename,
  rmdir,
  symlink,
  unlink,
} from "node:fs/promises";
import { join } from "node:path";

const { COPYFILE_EXCL, COPYFILE_FICLONE } = constants;
const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Linux names an open folder here, so that a name is looked up in that very folder, as openat(2) does. */
const OPEN_FILES = "/proc/self/fd";
const HAS_OPEN_FILES = process.platform === "linux" && existsSync(OPEN_FILES);
/** Of macOS: no link is followed anywhere in the path. */
const O_NOFOLLOW_ANY = process.platform === "darwin" ? 0x20000000 : 0;

/**
 * An open folder. Names are looked up in it, and no link is followed, whatever is renamed or replaced meanwhile. Where
 * the system can't do that (macOS), opening refuses links in the whole path, while making, renaming and removing go by
 * the folder's path. A name is one segment: never empty, `.`, `..`, or with a slash.
 */
export class Folder {
  private constructor(
    private readonly handle: FileHandle,
    private readonly path: string,
  ) {}

  /** Opens a folder by its path. Its last name must not be a link. */
  static async open(path: string): Promise<Folder> {
    const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      return new Folder(handle, HAS_OPEN_FILES ? path : await realpath(path));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Where it is now, with every link followed. */
  realPath(): Promise<string> {
    return HAS_OPEN_FILES ? readlink(`${OPEN_FILES}/${this.handle.fd}`) : realpath(this.path);
  }

  async folder(name: string): Promise<Folder> {
    const handle = await open(this.#at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOFOLLOW_ANY);
    return new Folder(handle, join(this.path, name));
  }

  /** Opens a file to be read. Does not wait for the other end of a pipe. */
  file(name: string): Promise<FileHandle> {
    return open(this.#at(name), O_RDONLY | O_NOFOLLOW | O_NOFOLLOW_ANY | O_NONBLOCK);
  }

  /** Creates a file to be written. */
  create(name: string, mode = 0o666): Promise<FileHandle> {
    return open(this.#at(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOFOLLOW_ANY, mode);
  }

  /** Creates a folder in it; false: something of that name is there. */
  async make(name: string): Promise<boolean> {
    try {
      await mkdir(this.#at(name));
      return true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    }
  }

  /** The kind of an entry; a link is not followed. */
  stat(name: string): Promise<Stats> {
    return lstat(this.#at(name));
  }

  /** The same; undefined where nothing is. */
  async find(name: string): Promise<Stats | undefined> {
    try {
      return await this.stat(name);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  list(): Promise<Dir> {
    return opendir(HAS_OPEN_FILES ? `${OPEN_FILES}/${this.handle.fd}` : this.path, { bufferSize: 256 });
  }

  /** Renames within the folder; replaces a file or a link of that name. */
  rename(from: string, to: string): Promise<void> {
    return rename(this.#at(from), this.#at(to));
  }

  /** Removes a file, or a link itself. */
  unlink(name: string): Promise<void> {
    return unlink(this.#at(name));
  }

  /** Removes an empty folder. */
  removeFolder(name: string): Promise<void> {
    return rmdir(this.#at(name));
  }

  readLink(name: string): Promise<string> {
    return readlink(this.#at(name));
  }

  link(name: string, target: string): Promise<void> {
    return symlink(target, this.#at(name));
  }

  /** Copies an open file into the folder, with its mode. */
  async copy(file: FileHandle, name: string): Promise<void> {
    if (HAS_OPEN_FILES)
      return copyFile(`${OPEN_FILES}/${file.fd}`, this.#at(name), COPYFILE_EXCL | COPYFILE_FICLONE);
    const copy = await this.create(name, (await file.stat()).mode & 0o777);
    try {
      for await (const chunk of file.createReadStream({ autoClose: false })) await copy.write(chunk);
    } finally {
      await copy.close();
    }
  }

  setMode(mode: number): Promise<void> {
    return this.handle.chmod(mode);
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  #at(name: string): string {
    if (name === "" || name === "." || name === ".." || /[/\0]/.test(name))
      throw new Error(`not a name: ${name}`);
    return HAS_OPEN_FILES ? `${OPEN_FILES}/${this.handle.fd}/${name}` : join(this.path, name);
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
