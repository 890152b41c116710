import { readdirSync, readFileSync, statSync } from "node:fs";
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

const FIRST_PARTY = "@claudeway/plugin-";
const PREFIX = "claudeway-plugin-";
const OWN_NAME = /^[a-z][a-z0-9_]*$/;
const PACKAGE_NAME = /^(?:@[a-z0-9][\w.-]*\/)?claudeway-plugin-[\w.-]+$|^@claudeway\/plugin-[\w.-]+$/;
const PATH = /^(?:\.{0,2}\/|\.{1,2}$)/;
const OTHER_FORMS = "a package (claudeway-plugin-x, @scope/claudeway-plugin-x) or a path (./x)";

/**
 * Finds what `--enable-plugin` or a section of the configuration names: a plugin's own name, an npm package or a path.
 * Throws a `PluginError`.
 */
export function locatePlugin(source: string, places: SearchPlaces): PluginFile {
  if (PATH.test(source)) return locatePath(source, resolve(places.cwd, source));
  const folder = sourceFolder(source, places);
  return folder === undefined ? refuseUnknown(source, places) : entryOf(source, folder);
}

/** Whether the source is a plugin's own name, of an installed plugin or not. */
export function isOwnName(source: string): boolean {
  return OWN_NAME.test(source);
}

/** Whether a plugin's package can have this name. */
export function isPackageName(name: string): boolean {
  return PACKAGE_NAME.test(name);
}

/** The sorted names of the installed first-party plugins. */
export function firstPartyNames(places: SearchPlaces): string[] {
  return namesOf(installedPackages(places).filter((name) => name.startsWith(FIRST_PARTY)));
}

/** The sorted names of all installed plugins, derived from the names of packages. */
export function installedNames(places: SearchPlaces): string[] {
  return namesOf(installedPackages(places));
}

function namesOf(packages: readonly string[]): string[] {
  return [...new Set(packages.map(nameOfPackage))].filter(isOwnName).sort();
}

/** The plugin's own name, derived from the name of its package. */
export function nameOfPackage(name: string): string {
  return ownPart(name)
    .replace(/^@[^/]+\//, "")
    .replaceAll("-", "_");
}

/** What the package of a plugin may be called, the first-party one first. */
function packagesOf(name: string): string[] {
  const dashed = name.replaceAll("_", "-");
  return [`${FIRST_PARTY}${dashed}`, ...new Set([`${PREFIX}${dashed}`, `${PREFIX}${name}`])];
}

function findByName(name: string, places: SearchPlaces): string | undefined {
  const [firstParty = "", ...others] = packagesOf(name);
  const own = findPackage(firstParty, places);
  if (own !== undefined) return own;
  const found = installedPackages(places).filter((one) => others.includes(one.replace(/^@[^/]+\//, "")));
  if (found.length < 2) return found[0] === undefined ? undefined : findPackage(found[0], places);
  throw new PluginError(
    name,
    "CW_PLUGIN_NAME_TAKEN",
    `plugin ${name}: two packages have this name: ${found.join(", ")}; set package in [plugins.${name}]`,
  );
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

/** The folder of an installed package. */
export function findPackage(name: string, places: SearchPlaces): string | undefined {
  if (!isPackageName(name)) return undefined;
  const candidates = nodeModules(places).map((folder) => join(folder, name));
  return candidates.find((candidate) => kindOf(join(candidate, "package.json")) === "file");
}

/** The folder of a plugin's package; undefined for single files, and for what does not exist. */
export function sourceFolder(source: string, places: SearchPlaces): string | undefined {
  if (!PATH.test(source)) return isOwnName(source) ? findByName(source, places) : findPackage(source, places);
  const path = resolve(places.cwd, source);
  return kindOf(join(path, "package.json")) === "file" ? path : undefined;
}

function locatePath(source: string, path: string): PluginFile {
  const kind = kindOf(path);
  if (kind === "folder") return entryOf(source, path);
  if (kind === "file") return { file: path, home: path, version: undefined };
  const guess = nearest(basename(path), listFolder(dirname(path)));
  const hint = guess === undefined ? "" : `; did you mean ${join(dirname(source), guess)}?`;
  throw new PluginError(source, "CW_PLUGIN_NOT_FOUND", `plugin ${source}: file not found: ${path}${hint}`);
}

/** What else an error about an unknown plugin says. */
interface UnknownContext {
  /** Where the name was given, if it was not meant to be loaded. */
  readonly where?: string;
  /** Names that are known besides those of installed plugins. */
  readonly alsoKnown?: readonly string[];
}

/** Throws in one form for names, packages and sections: what is near, what is known, and where was searched. */
export function refuseUnknown(source: string, places: SearchPlaces, context: UnknownContext = {}): never {
  const { where, alsoKnown = [] } = context;
  const problem = isPackageName(source)
    ? `plugin ${source} is not installed (npm install ${source})`
    : `unknown plugin "${source}"`;
  const known = [...new Set([...installedNames(places), ...alsoKnown])].sort();
  const similar = isPackageName(source) ? firstPartyNames(places) : known;
  const packages = isOwnName(source) ? [] : installedPackages(places);
  const guess = nearestSource(source, [...packages, ...similar]);
  const hint = guess === undefined ? ";" : `; did you mean ${guess}?`;
  const listed = known.length === 0 ? "" : ` known plugins: ${known.join(", ")};`;
  throw new PluginError(
    source,
    "CW_PLUGIN_NOT_FOUND",
    `${where === undefined ? "" : `${where}: `}${problem}${hint}${listed} or name ${OTHER_FORMS}${searched(source, places)}`,
  );
}

function searched(source: string, places: SearchPlaces): string {
  const packages = isOwnName(source) ? packagesOf(source) : [source].filter(isPackageName);
  if (packages.length === 0) return "";
  const folders = nodeModules(places).filter((folder) => kindOf(folder) === "folder");
  return `; looked for ${packages.join(", ")} in ${folders.join(", ") || "no folder: there is no node_modules"}`;
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

/** The names of all installed packages of plugins. */
export function installedPackages(places: SearchPlaces): string[] {
  const names: string[] = [];
  for (const folder of nodeModules(places)) {
    for (const entry of listFolder(folder)) {
      const inScope = entry.startsWith("@") ? listFolder(join(folder, entry)) : [];
      names.push(entry, ...inScope.map((name) => `${entry}/${name}`));
    }
  }
  return [...new Set(names)].filter(isPackageName);
}

function entryOf(source: string, folder: string): PluginFile {
  const { exports, main, version } = readManifest(source, folder);
  const entry = entryName(exports) ?? asString(main) ?? "index.js";
  const file = join(folder, entry);
  if (kindOf(file) !== "file") {
    throw new PluginError(
      source,
      "CW_PLUGIN_ENTRY_MISSING",
      `plugin ${source}: its entry file ${file} is missing; build the plugin first`,
    );
  }
  return { file, home: folder, version: asString(version) };
}

/** Reads a package.json. Throws a `PluginError`. */
export function readManifest(source: string, folder: string): Record<string, unknown> {
  const file = join(folder, "package.json");
  try {
    const manifest: unknown = JSON.parse(readFileSync(file, "utf8"));
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

function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    // Most of these folders do not exist.
    return [];
  }
}

function kindOf(path: string): "file" | "folder" | undefined {
  try {
    return statSync(path).isDirectory() ? "folder" : "file";
  } catch {
    return undefined;
  }
}
