import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { messageOf } from "@claudeway/ports";
import { isObject } from "@claudeway/schemas";
import { oneLine, PluginError } from "../faults.js";
import type { JSONSchema } from "../plugin.js";
import {
  findPackage,
  installedPackages,
  isOwnName,
  nameOfPackage,
  readManifest,
  type SearchPlaces,
  sourceFolder,
} from "./locate.js";

/** What a plugin's package says about the plugin, without running its code. */
export interface PluginManifest {
  readonly name: string;
  /** The package or path that named it; undefined if it was found among the installed packages. */
  readonly source: string | undefined;
  /** Its config.schema.json; an empty schema if that file is missing. */
  readonly schema: JSONSchema;
  readonly commands: Readonly<Record<string, CommandManifest>>;
  /** Set: its files can't be read, or are not what they must be. The plugin cannot be enabled. */
  readonly problem?: string;
}

/** A command in the `package.json` of a plugin: `"claudeway": {"commands": {"<name>": …}}`. */
export interface CommandManifest {
  readonly summary: string;
  readonly usage: readonly string[];
  /** The absolute path of the module that runs it. */
  readonly entry: string;
}

/** Reads the manifests of all installed plugins, and of those that are named. */
export function readManifests(named: readonly string[], places: SearchPlaces): PluginManifest[] {
  const folders = new Map<string, string | undefined>();
  for (const name of installedPackages(places)) {
    const folder = findPackage(name, places);
    if (folder !== undefined) folders.set(folder, undefined);
  }
  for (const source of named) {
    const folder = sourceFolder(source, places);
    if (folder !== undefined) folders.set(folder, source);
  }
  return [...folders].map(([folder, source]) => manifestIn(folder, source));
}

const MAX_DESCRIPTION = 160;

/** A package and its own words about it, on one line and without invisible characters. */
export interface PackageSummary {
  readonly name: string;
  readonly description: string | undefined;
}

/** Reads what a package's package.json says it is; none of its code runs. */
export function summaryOfPackage(name: string, places: SearchPlaces): PackageSummary {
  const folder = findPackage(name, places);
  try {
    const { description } = folder === undefined ? {} : readManifest(name, folder);
    if (typeof description !== "string") return { name, description: undefined };
    const line = oneLine(description.replace(/[\p{Cc}\p{Cf}]/gu, " "));
    const characters = Array.from(line);
    const cut =
      characters.length > MAX_DESCRIPTION ? `${characters.slice(0, MAX_DESCRIPTION - 1).join("")}…` : line;
    return { name, description: cut || undefined };
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    return { name, description: undefined };
  }
}

/** A manifest with a fault is one with a problem: it must not stop what has nothing to do with its plugin. */
function manifestIn(folder: string, source: string | undefined): PluginManifest {
  try {
    return readManifestIn(folder, source);
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    const name = isOwnName(error.plugin) ? error.plugin : nameOfPackage(basename(folder));
    return { name, source, schema: {}, commands: {}, problem: error.message };
  }
}

function readManifestIn(folder: string, source: string | undefined): PluginManifest {
  const manifest = readManifest(source ?? basename(folder), folder);
  const { name: packageName = basename(folder), claudeway = {} } = manifest;
  const { name = nameOfPackage(String(packageName)), commands = {} } = isObject(claudeway) ? claudeway : {};
  const own = String(name);
  return { name: own, source, schema: schemaIn(folder, own), commands: commandsOf(commands, own, folder) };
}

function schemaIn(folder: string, plugin: string): JSONSchema {
  const file = join(folder, "config.schema.json");
  try {
    const schema: unknown = JSON.parse(readFileSync(file, "utf8"));
    return isObject(schema) ? schema : {};
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw unreadable(plugin, `cannot read ${file}: ${messageOf(error)}`);
  }
}

function commandsOf(given: unknown, plugin: string, folder: string): Record<string, CommandManifest> {
  if (!isObject(given)) throw unreadable(plugin, "claudeway.commands in its package.json must be an object");
  const commands = Object.entries(given).map(([name, form]) => {
    const { summary, usage = [], entry } = isObject(form) ? form : {};
    const isValid =
      typeof summary === "string" && typeof entry === "string" && Array.isArray(usage) && usage.every(isText);
    if (isValid) return [name, { summary, usage, entry: join(folder, entry) }] as const;
    const problem = "must have the texts summary and entry, and may have a list usage";
    throw unreadable(plugin, `claudeway.commands.${name} in its package.json ${problem}`);
  });
  return Object.fromEntries(commands);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function unreadable(plugin: string, problem: string): PluginError {
  return new PluginError(plugin, "CW_PLUGIN_MANIFEST_UNREADABLE", `plugin ${plugin}: ${problem}`);
}
