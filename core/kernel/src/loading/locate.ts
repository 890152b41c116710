import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { messageOf } from "@claudeway/ports";
import { isObject, nearest } from "@claudeway/schemas";
import { PluginError } from "../faults.js";

/** The file that a plugin is imported from. */
export interface PluginFile {
  /** Absolute path. */
  readonly file: string;
  /** The root of its code: the folder of its package, or a single file. */
  readonly home: string;
  /** The version of its package; undefined for a single file. */
  readonly version: string | undefined;
}

/** Where plugins are searched. */
export interface SearchPlaces {
  /** Paths are relative to this folder. */
  readonly cwd: string;
  /** `node_modules` is searched in these folders and their parents, nearest first. */
  readonly roots: readonly string[];
}

const SCOPE = "@claudeway";
const FIRST_PARTY_FOLDER = /^plugin-(.+)$/;
const FIRST_PARTY_NAME = /^[a-z][a-z0-9_]*$/;
const PACKAGE_NAME = /^(?:@[a-z0-9][\w.-]*\/)?claudeway-plugin-[\w.-]+$|^@claudeway\/plugin-[\w.-]+$/;
const PATH = /^(?:\.{0,2}\/|\.{1,2}$)/;
const OTHER_FORMS = "a package (claudeway-plugin-x, @scope/claudeway-plugin-x) or a path (./x)";

/** Finds what `--enable-plugin` names: a first-party name, an npm package or a path. Rejects with a `PluginError`. */
export async function locatePlugin(source: string, places: SearchPlaces): Promise<PluginFile> {
  if (PATH.test(source)) return locatePath(source, resolve(places.cwd, source));
  const name = FIRST_PARTY_NAME.test(source) ? packageOf(source) : source;
  const folder = PACKAGE_NAME.test(name) ? await findPackage(name, places) : undefined;
  return folder === undefined ? refuseUnknown(source, places) : entryOf(source, folder);
}

/** Whether the source names a first-party plugin, found or not. */
export function isFirstPartyName(source: string): boolean {
  return FIRST_PARTY_NAME.test(source);
}

/** The sorted names of the installed first-party plugins. */
export async function firstPartyNames(places: SearchPlaces): Promise<string[]> {
  const names = new Set<string>();
  for (const folder of nodeModules(places)) {
    for (const entry of await listFolder(join(folder, SCOPE))) {
      const name = FIRST_PARTY_FOLDER.exec(entry)?.[1];
      if (name !== undefined) names.add(name.replaceAll("-", "_"));
    }
  }
  return [...names].sort();
}

function packageOf(firstPartyName: string): string {
  return `${SCOPE}/plugin-${firstPartyName.replaceAll("_", "-")}`;
}

function nodeModules({ roots }: SearchPlaces): string[] {
  const folders = new Set<string>();
  for (const root of roots) {
    for (let folder = resolve(root); ; folder = dirname(folder)) {
      folders.add(join(folder, "node_modules"));
      if (folder === dirname(folder)) break;
    }
  }
  return [...folders];
}

async function findPackage(name: string, places: SearchPlaces): Promise<string | undefined> {
  for (const folder of nodeModules(places)) {
    const candidate = join(folder, name);
    if ((await kindOf(join(candidate, "package.json"))) === "file") return candidate;
  }
  return undefined;
}

async function locatePath(source: string, path: string): Promise<PluginFile> {
  const kind = await kindOf(path);
  if (kind === "folder") return entryOf(source, path);
  if (kind === "file") return { file: path, home: path, version: undefined };
  const guess = nearest(basename(path), await listFolder(dirname(path)));
  const hint = guess === undefined ? "" : `; did you mean ${join(dirname(source), guess)}?`;
  throw new PluginError(source, "CW_PLUGIN_NOT_FOUND", `plugin ${source}: file not found: ${path}${hint}`);
}

async function refuseUnknown(source: string, places: SearchPlaces): Promise<never> {
  const firstParty = await firstPartyNames(places);
  const guess = nearestSource(source, [...(await installedPackages(places)), ...firstParty]);
  const hint = guess === undefined ? ";" : `; did you mean ${guess}?`;
  const problem = PACKAGE_NAME.test(source)
    ? `plugin ${source} is not installed (npm install ${source})`
    : `unknown plugin "${source}"`;
  const known = firstParty.length === 0 ? "" : `known plugins: ${firstParty.join(", ")}; or `;
  throw new PluginError(source, "CW_PLUGIN_NOT_FOUND", `${problem}${hint} ${known}name ${OTHER_FORMS}`);
}

/** The names of all plugin packages have similar prefixes, so only the rest is compared. */
function nearestSource(source: string, candidates: readonly string[]): string | undefined {
  const byOwnPart = new Map(candidates.map((name) => [ownPart(name), name]));
  const guess = nearest(ownPart(source), byOwnPart.keys());
  return guess === undefined ? undefined : byOwnPart.get(guess);
}

function ownPart(name: string): string {
  return name.replace(/claudeway-plugin-|^@claudeway\/plugin-/, "");
}

async function installedPackages(places: SearchPlaces): Promise<string[]> {
  const names: string[] = [];
  for (const folder of nodeModules(places)) {
    for (const entry of await listFolder(folder)) {
      const inScope = entry.startsWith("@") ? await listFolder(join(folder, entry)) : [];
      names.push(entry, ...inScope.map((name) => `${entry}/${name}`));
    }
  }
  return names.filter((name) => PACKAGE_NAME.test(name));
}

async function entryOf(source: string, folder: string): Promise<PluginFile> {
  const { exports, main, version } = await readManifest(source, folder);
  const entry = entryName(exports) ?? asString(main) ?? "index.js";
  const file = join(folder, entry);
  if ((await kindOf(file)) !== "file") {
    throw new PluginError(
      source,
      "CW_PLUGIN_ENTRY_MISSING",
      `plugin ${source}: its entry file ${file} is missing; build the plugin first`,
    );
  }
  return { file, home: folder, version: asString(version) };
}

async function readManifest(source: string, folder: string): Promise<Record<string, unknown>> {
  const file = join(folder, "package.json");
  try {
    const manifest: unknown = JSON.parse(await readFile(file, "utf8"));
    return isObject(manifest) ? manifest : {};
  } catch (error) {
    throw new PluginError(
      source,
      "CW_PLUGIN_MANIFEST_UNREADABLE",
      `plugin ${source}: cannot read ${file}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

const CONDITIONS = ["node", "import", "module-sync", "default"];

/** The entry of the package in `exports`; conditions are tried in the order of the package. */
function entryName(exports: unknown): string | undefined {
  if (typeof exports === "string") return exports;
  if (!isObject(exports)) return undefined;
  const { ".": self } = exports;
  if (self !== undefined) return entryName(self);
  const hit = Object.keys(exports).find(
    (condition) => CONDITIONS.includes(condition) && entryName(exports[condition]) !== undefined,
  );
  return hit === undefined ? undefined : entryName(exports[hit]);
}

function asString(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch {
    // Most of these folders do not exist.
    return [];
  }
}

async function kindOf(path: string): Promise<"file" | "folder" | undefined> {
  try {
    const found = await stat(path);
    return found.isDirectory() ? "folder" : "file";
  } catch {
    return undefined;
  }
}
