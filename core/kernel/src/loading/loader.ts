import { realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { messageOf } from "@claudeway/ports";
import { DeadlineError, inWords, within } from "../calling/deadline.js";
import type { PluginFaultCode } from "../fault-codes.js";
import { PluginError } from "../faults.js";
import type { AnyPlugin } from "../plugin.js";
import { type PackageSummary, type PluginManifest, readManifests, summaryOfPackage } from "./declarations.js";
import {
  firstPartyNames,
  installedNames,
  installedPackages,
  isOwnName,
  locatePlugin,
  nameOfPackage,
  refuseUnknown,
  type SearchPlaces,
} from "./locate.js";
import { type ConfigCheck, compileConfigSchema, type PluginSection } from "./plugin-config.js";
import { checkPlugin } from "./plugin-shape.js";
import { secretsIn } from "./secrets.js";

/** A plugin, or how to find one: a first-party name, an npm package, a path. */
export type PluginSource = string | AnyPlugin;

/** A plugin that was found, imported and checked, but not started. */
export interface LoadedPlugin {
  readonly plugin: AnyPlugin;
  /** The source as requested. */
  readonly origin: PluginSource;
  /** The source as text; `(given)` for a plugin object. */
  readonly source: string;
  /** The version of its package, if it has one. */
  readonly version: string | undefined;
  /** The real path of the folder or file of its code; undefined for a plugin object. */
  readonly home: string | undefined;
  /** How long it took to find and import it, in ms; almost nothing for a second import. */
  readonly importMs: number;
  readonly checkConfig: ConfigCheck;
}

type PluginOrigin = Pick<LoadedPlugin, "version" | "home" | "importMs">;
const NOWHERE: PluginOrigin = { version: undefined, home: undefined, importMs: 0 };

/** What must never be shown: the gateway redacts what is added. */
export interface SecretRegister {
  add(found: { readonly secrets: readonly string[] }): void;
}

/** How long an import may take, in ms: much more than its code needs, for a machine that is busy with other starts. */
export const IMPORT_MS = 30_000;

export interface LoaderOptions {
  /** The directory in which paths and packages are resolved; by default the process's own. */
  readonly cwd?: string;
  /** How long an import may take, in ms; `IMPORT_MS` by default. */
  readonly importMs?: number;
  /** Receives the values of plugin settings that their schemas mark `x-secret`. */
  readonly secrets?: SecretRegister | undefined;
}

/** Finds plugins by name, package or path, and checks that they have a plugin's shape. */
export class PluginLoader {
  readonly #places: SearchPlaces;
  readonly #importMs: number;
  readonly #secrets: SecretRegister | undefined;
  readonly #checks = new WeakMap<AnyPlugin, ConfigCheck>();
  #installed: ReadonlySet<string> | undefined;

  constructor({ cwd = process.cwd(), importMs = IMPORT_MS, secrets }: LoaderOptions = {}) {
    const here = dirname(fileURLToPath(import.meta.url));
    this.#places = { cwd, roots: [here, cwd] };
    this.#importMs = importMs;
    this.#secrets = secrets;
  }

  /** The installed first-party plugins. */
  names(): string[] {
    return firstPartyNames(this.#places);
  }

  /** The packages of installed plugins that do not come with Claudeway, from their package.json alone: none is loaded. */
  otherPackages(): PackageSummary[] {
    const names = installedPackages(this.#places).filter((name) => !name.startsWith("@claudeway/"));
    return [...new Set(names)].sort().map((name) => summaryOfPackage(name, this.#places));
  }

  /** What the packages of installed plugins say about them, by the packages' and the plugins' names. */
  descriptions(): Map<string, string> {
    const found = installedPackages(this.#places).map((name) => summaryOfPackage(name, this.#places));
    return new Map(
      found.flatMap(({ name, description }) =>
        description === undefined
          ? []
          : [name, nameOfPackage(name)].map((key) => [key, description] as const),
      ),
    );
  }

  /** Whether a plugin of this name was installed when this was first asked. */
  isInstalled(name: string): boolean {
    this.#installed ??= new Set(installedNames(this.#places));
    return this.#installed.has(name);
  }

  /** The names of the installed plugins, derived from the names of their packages. */
  installed(): string[] {
    return installedNames(this.#places);
  }

  /**
   * What is wrong with the sections of installed plugins that are off: settings that are misspelt or have wrong values. A
   * start does not load these plugins, and so does not report it.
   */
  warnings(sections: Readonly<Record<string, PluginSection>>, enabled: readonly string[]): string[] {
    const off = this.manifests([]).filter(
      ({ name, problem }) => problem === undefined && !enabled.includes(name),
    );
    return off.flatMap(({ name, schema }) => {
      const section = Object.hasOwn(sections, name) ? sections[name] : undefined;
      // A package has no schema, or one that fills a section only when the plugin is enabled.
      if (section === undefined || Object.keys(schema).length === 0) return [];
      const { required: _, ...lenient } = schema;
      try {
        compileConfigSchema(name, lenient)(section);
        return [];
      } catch (error) {
        return [`${messageOf(error)} (the plugin ${name} is off)`];
      }
    });
  }

  /** What the packages of installed and named plugins say about them. */
  manifests(named: readonly string[]): PluginManifest[] {
    return readManifests(named, this.#places);
  }

  /** Throws a `PluginError` if no installed plugin has the name; `where` is where it was given. */
  checkName(name: string, where: string, alsoKnown: readonly string[]): void {
    if (alsoKnown.includes(name) || installedNames(this.#places).includes(name)) return;
    refuseUnknown(name, this.#places, { where, alsoKnown });
  }

  /** Rejects with a `PluginError` if the plugin does not exist, or if this gateway cannot run it. */
  async load(source: PluginSource): Promise<LoadedPlugin> {
    if (typeof source !== "string") return this.#inspect(source, source);
    const started = performance.now();
    const { file, home, version } = locatePlugin(source, this.#places);
    const module = await this.#import(source, file);
    const from = { version, home: await realpath(home), importMs: performance.now() - started };
    const loaded = this.#inspect(module, source, from);
    if (isOwnName(source) && loaded.plugin.name !== source) {
      throw new PluginError(
        source,
        "CW_PLUGIN_NAME_TAKEN",
        `plugin ${source}: ${file} must export a plugin of that name, got ${loaded.plugin.name}`,
      );
    }
    return loaded;
  }

  #inspect(value: unknown, origin: PluginSource, from: PluginOrigin = NOWHERE): LoadedPlugin {
    const source = typeof origin === "string" ? origin : "(given)";
    const plugin = checkPlugin(value, source);
    const checkConfig = this.#checks.get(plugin) ?? this.#compile(plugin);
    this.#checks.set(plugin, checkConfig);
    return { plugin, origin, source, ...from, checkConfig };
  }

  #compile({ name, configSchema }: AnyPlugin): ConfigCheck {
    const check = compileConfigSchema(name, configSchema);
    return (section, names) => {
      this.#secrets?.add({ secrets: secretsIn(section, configSchema) });
      return check(section, names);
    };
  }

  async #import(source: string, file: string): Promise<unknown> {
    // A top-level await in the plugin may never end, and cannot be aborted.
    const late = () =>
      new DeadlineError(
        `did not finish within ${inWords(this.#importMs)}; check for a top-level await that never ends`,
      );
    try {
      const loading: Promise<unknown> = import(pathToFileURL(file).href);
      return pluginExport(await within(loading, this.#importMs, late));
    } catch (error) {
      const hint = isMissingPackage(error) ? "; check that its packages are installed (npm install)" : "";
      throw new PluginError(
        source,
        importCode(error),
        `plugin ${source}: importing ${file} failed: ${messageOf(error)}${hint}`,
        {
          cause: error,
        },
      );
    }
  }
}

function importCode(error: unknown): PluginFaultCode {
  if (error instanceof DeadlineError) return "CW_PLUGIN_IMPORT_TIMEOUT";
  return isMissingPackage(error) ? "CW_PLUGIN_DEPENDENCY_MISSING" : "CW_PLUGIN_IMPORT_FAILED";
}

function isMissingPackage(error: unknown): boolean {
  return property(error, "code") === "ERR_MODULE_NOT_FOUND" && /^Cannot find package/.test(messageOf(error));
}

/** The default export or the one named `plugin`; for a CommonJS module compiled from ESM, its `default`. */
function pluginExport(module: unknown): unknown {
  const exported = property(module, "default") ?? property(module, "plugin");
  const candidates = [exported, property(exported, "default"), property(module, "plugin")];
  return candidates.find((one) => property(one, "apply") !== undefined) ?? exported;
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
