import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, posix, relative, resolve } from "node:path";
import { ConfigError, type LoadedConfig } from "@claudeway/config";
import { makeFolder } from "@claudeway/core/host";
import { LEDGER_FILE, readBackup, type StoredFile, writeBackup } from "@claudeway/ledger-sqlite";
import { databaseUrl } from "./database-url.js";

/** The key that signs links; without it, links that were already sent would no longer open. */
const LINK_KEY = "link-key";
const PLUGINS = "plugins";
/** The allowed paths of restored files. The installation id is excluded: a restored copy is a new installation. */
const RESTORED = /^(?:link-key|plugins(?:\/[^/]+)+)$/;
/** In bytes. */
const MAX_FILE = 256 * 1024 * 1024;

/**
 * `claudeway backup <file>`: writes the ledger and the plugins' data to one file. The gateway may be running. Returns the
 * line to print.
 */
export async function backup({ config, args: [name = ""] }: LoadedConfig, cwd: string): Promise<string> {
  if (databaseUrl(config) !== undefined)
    throw new ConfigError("backup: the ledger is in PostgreSQL: back it up with pg_dump");
  const target = resolve(cwd, name);
  if (existsSync(target)) throw new ConfigError(`backup: ${name} already exists; name a new file`);
  if (!existsSync(dirname(target))) throw new ConfigError(`backup: directory not found: ${dirname(name)}`);
  const files = storedFiles(config.data_dir);
  await writeBackup(join(config.data_dir, LEDGER_FILE), target, files);
  const { size } = statSync(target);
  return `${name}: wrote the ledger and ${files.length} other ${files.length === 1 ? "file" : "files"}, ${size} bytes\n`;
}

/** `claudeway restore <file>`: creates a data folder from a backup, or leaves it as it was. Returns the line to print. */
export async function restore({ config, args: [name = ""] }: LoadedConfig, cwd: string): Promise<string> {
  const { data_dir: dataDir } = config;
  if (databaseUrl(config) !== undefined)
    throw new ConfigError("restore: the ledger is in PostgreSQL: restore it with pg_restore");
  const source = resolve(cwd, name);
  if (!existsSync(source)) throw new ConfigError(`restore: file not found: ${name}`);
  if (statSync(source).isDirectory())
    throw new ConfigError(`restore: ${name} must be a file, got a directory`);
  if (existsSync(dataDir) && readdirSync(dataDir).length > 0) {
    throw new ConfigError(`restore: ${dataDir} must be empty; move its content away first`);
  }
  const existed = existsSync(dataDir);
  const kept: string[] = [];
  try {
    makeFolder(dataDir);
    await readBackup(source, join(dataDir, LEDGER_FILE), (file) => kept.push(keep(dataDir, file)));
  } catch (error) {
    // A start would take what is left for a data folder, and another restore would not.
    for (const file of kept) removeWithFolders(file, dataDir);
    if (!existed) removeIfEmpty(dataDir);
    throw error;
  }
  return `${dataDir}: restored from ${name}\n`;
}

/** Writes a file of a backup, or nothing of it. Returns its path. */
function keep(dataDir: string, { path, content }: StoredFile): string {
  if (!RESTORED.test(path) || posix.normalize(path) !== path) {
    throw new ConfigError(`restore: the backup contains an unexpected file: ${JSON.stringify(path)}`);
  }
  const target = join(dataDir, path);
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(target, content, { mode: 0o600, flag: "wx" });
    return target;
  } catch (error) {
    // Another's stays.
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST"))
      removeWithFolders(target, dataDir);
    throw error;
  }
}

/** Removes a file, and the folders below `top` that are empty then. */
function removeWithFolders(file: string, top: string): void {
  rmSync(file, { force: true });
  for (let folder = dirname(file); folder !== top; folder = dirname(folder)) removeIfEmpty(folder);
}

function removeIfEmpty(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}

/** The files of a data folder, apart from the ledger, that a restored one needs. */
function storedFiles(dataDir: string): StoredFile[] {
  return [join(dataDir, LINK_KEY), ...filesBelow(join(dataDir, PLUGINS))].flatMap((file) => {
    const content = readIfThere(file);
    return content === undefined ? [] : [{ path: relative(dataDir, file), content }];
  });
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Returns undefined if a plugin removed the file after it was listed. */
function readIfThere(file: string): Uint8Array | undefined {
  try {
    const { size } = statSync(file);
    if (size > MAX_FILE)
      throw new ConfigError(`backup: ${file} must be at most ${MAX_FILE} bytes, got ${size}`);
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
