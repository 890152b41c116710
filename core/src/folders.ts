import { accessSync, constants, existsSync, rmdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigError, claudeFolder, configFoldersOfKeys, type LoadedConfig } from "@claudeway/config";
import { makeFolder, type WorkdirOptions } from "@claudeway/workdirs";

/** A folder that must exist. */
export interface NamedFolder {
  /** Its purpose, in words. */
  readonly name: string;
  /** The absolute path. */
  readonly path: string;
  /** The flag, variable or setting that it comes from, for messages. */
  readonly where: string;
}

/** File system errors in words for an operator. */
const MEANINGS: Readonly<Record<string, string>> = {
  EEXIST: "which is not a directory",
  ENOTDIR: "which is not a directory, or has a parent that is not one",
  EACCES: "where this user may not write",
  EPERM: "where this user may not write",
  EROFS: "which is on a read-only file system",
  ENOSPC: "on a disk that is full",
};

/** The folders that a gateway writes to. */
export function foldersOf({ config, origins }: LoadedConfig): NamedFolder[] {
  const names = { data_dir: "data folder", log_dir: "log folder", workdir: "work folder" } as const;
  return (["data_dir", "log_dir", "workdir"] as const).map((key) => {
    return { name: names[key], path: config[key], where: origins[key] ?? key };
  });
}

/** The folders that no workdir may touch, and the base folder that workdirs are in. */
export function workdirLimits(
  { config, file, keyLimits }: LoadedConfig,
  env: NodeJS.ProcessEnv,
): Pick<WorkdirOptions, "base" | "guarded" | "configFile"> {
  const { data_dir, log_dir, workdir: base } = config;
  const guarded = [
    { name: "the gateway's data folder", path: data_dir },
    { name: "the gateway's log folder", path: log_dir },
    { name: "Claude's configuration folder", path: resolve(claudeFolder(env)) },
    ...configFoldersOfKeys(keyLimits).map(({ path }) => ({
      name: "the configuration folder of a key",
      path,
    })),
    // It exposes environments of processes, and links to their directories and to the root.
    { name: "the process table", path: "/proc" },
  ];
  return { base, guarded, configFile: file };
}

/**
 * Creates missing folders, accessible by this user only, and checks that all are writable. On failure, removes those
 * it created and throws a ConfigError that names the folder.
 */
export function prepareFolders(folders: readonly NamedFolder[]): void {
  const made: string[] = [];
  for (const folder of folders) {
    const missing = missingFrom(folder.path);
    try {
      makeFolder(folder.path);
      made.push(...missing);
      refuseUnwritable(folder.path);
    } catch (error) {
      for (const path of made.toReversed()) rmdirSync(path);
      throw explain(folder, error);
    }
  }
}

/**
 * Checks whether `prepareFolders` would succeed, as far as possible without trying. True if the folder exists already.
 */
export function checkFolder(folder: NamedFolder): boolean {
  const [first = folder.path] = missingFrom(folder.path);
  const isThere = existsSync(folder.path);
  try {
    refuseUnwritable(isThere ? folder.path : dirname(first));
  } catch (error) {
    throw explain(folder, error);
  }
  return isThere;
}

/** The missing parents of this folder and the folder itself, topmost first. */
function missingFrom(path: string): string[] {
  return existsSync(path) ? [] : [...missingFrom(dirname(path)), path];
}

function refuseUnwritable(path: string): void {
  if (!statSync(path).isDirectory()) throw Object.assign(new Error("not a directory"), { code: "ENOTDIR" });
  accessSync(path, constants.W_OK | constants.X_OK);
}

function explain({ path, where }: NamedFolder, error: unknown): ConfigError {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  const problem = MEANINGS[code] ?? `which cannot be created (${code})`;
  return new ConfigError(
    `${where} must be the path of a directory that this user may write to, got ${JSON.stringify(path)}, ${problem}`,
  );
}
