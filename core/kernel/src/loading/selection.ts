import { isObject } from "@claudeway/schemas";
import { PluginError } from "../faults.js";
import type { LoadedPlugin, PluginLoader, PluginSource } from "./loader.js";
import { isOwnName } from "./locate.js";
import type { PluginSection } from "./plugin-config.js";
import { sourceOf } from "./section-source.js";

/** Which plugins are on, and how they are configured. */
export interface PluginSelection {
  /** Enabled regardless of their section: first-party names, packages, paths, or plugin objects. */
  readonly plugins?: readonly PluginSource[];
  /** Disabled in any case (`--disable-plugin`): by the plugin's own name, or as named in `plugins`. */
  readonly disabled?: readonly string[];
  /**
   * `[plugins.<name>]` by the plugin's own name, in the order of the file; `enabled: true` switches one on, and
   * `package` or `path` says where it is.
   */
  readonly sections?: Readonly<Record<string, PluginSection>>;
  /** What errors call settings that did not come from the file, by plugin and setting. */
  readonly names?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A loaded plugin with a validated configuration, ready to be started. */
export interface CheckedPlugin extends LoadedPlugin {
  readonly name: string;
  /** Checked, with defaults, frozen. */
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * Loads and checks the plugins that a selection enables, without starting them. First come those enabled by their
 * sections, in the order of the sections; then the named ones, in their order. `alsoKnown` are plugins that may have a
 * section although the selection does not name them. Rejects with a `PluginError` at the first problem.
 */
export async function checkSelection(
  selection: PluginSelection,
  loader: PluginLoader,
  alsoKnown: readonly string[] = [],
): Promise<CheckedPlugin[]> {
  const { disabled = [], sections = {}, names = {} } = selection;
  const loaded = withoutTwins(await loadAll(selection, loader));
  checkNames(selection, loader, [...loaded.map(({ plugin }) => plugin.name), ...alsoKnown]);
  return loaded
    .filter(({ plugin }) => !disabled.includes(plugin.name))
    .map((one) => configure(one, sectionOf(sections, one.plugin.name), sectionOf(names, one.plugin.name)));
}

/** The plugin with another section. Throws a `PluginError` if the section is invalid. */
export function configure(
  loaded: LoadedPlugin,
  section: PluginSection,
  names: Readonly<Record<string, string>> = {},
): CheckedPlugin {
  return { ...loaded, name: loaded.plugin.name, config: loaded.checkConfig(section, names) };
}

/** The entry of a plugin, which may be named like a property of objects. */
function sectionOf<T>(
  byName: Readonly<Record<string, T>>,
  name: string,
): T | Readonly<Record<string, never>> {
  return Object.hasOwn(byName, name) ? (byName[name] ?? {}) : {};
}

async function loadAll(selection: PluginSelection, loader: PluginLoader): Promise<LoadedPlugin[]> {
  const { plugins = [], disabled = [], sections = {} } = selection;
  const switchedOn = Object.entries(sections).filter(([name, section]) => isEnabled(name, section));
  const sources = new Set<PluginSource>([...switchedOn.map(([name]) => name), ...plugins]);
  // Disabled plugins are not even imported.
  for (const name of disabled) sources.delete(name);
  const loaded = new Map<PluginSource, LoadedPlugin>();
  // Packages, paths and objects come first, so that a section with their name refers to them.
  for (const source of sources) {
    if (!isPlainName(source)) loaded.set(source, await loader.load(source));
  }
  for (const source of sources) {
    if (isPlainName(source) && !meansOther(source, loaded, loader)) {
      loaded.set(source, await loadNamed(source, sectionOf(sections, source), loader));
    }
  }
  return [...sources].flatMap((source) => loaded.get(source) ?? []);
}

function isPlainName(source: PluginSource): source is string {
  return typeof source === "string" && isOwnName(source);
}

function meansOther(
  name: string,
  loaded: ReadonlyMap<PluginSource, LoadedPlugin>,
  loader: PluginLoader,
): boolean {
  const known = [...loaded.values()].some(({ plugin }) => plugin.name === name);
  return known && !loader.names().includes(name);
}

async function loadNamed(name: string, section: PluginSection, loader: PluginLoader): Promise<LoadedPlugin> {
  const source = sourceOf(name, section);
  if (source === undefined) return loader.load(name);
  const loaded = await loader.load(source);
  if (loaded.plugin.name === name) return loaded;
  throw new PluginError(
    name,
    "CW_PLUGIN_NAME_TAKEN",
    `plugins.${name}: ${source} is the plugin ${loaded.plugin.name}; rename the section to [plugins.${loaded.plugin.name}]`,
  );
}

function isEnabled(name: string, section: PluginSection): boolean {
  if (!isObject(section))
    throw new PluginError(name, "CW_PLUGIN_CONFIG_INVALID", `plugins.${name} must be a section of settings`);
  const { enabled = false } = section;
  if (typeof enabled === "boolean") return enabled;
  throw new PluginError(
    name,
    "CW_PLUGIN_CONFIG_INVALID",
    `plugins.${name}.enabled must be true or false, got ${JSON.stringify(enabled)}`,
  );
}

/** Removes plugins that were named twice; two different plugins with one name are an error. */
function withoutTwins(loaded: readonly LoadedPlugin[]): LoadedPlugin[] {
  const byName = new Map<string, LoadedPlugin>();
  for (const one of loaded) {
    const { name } = one.plugin;
    const other = byName.get(name);
    if (other !== undefined && other.plugin !== one.plugin) {
      throw new PluginError(
        name,
        "CW_PLUGIN_NAME_TAKEN",
        `plugin ${name}: two plugins have this name: ${other.source} and ${one.source}`,
      );
    }
    if (other === undefined) byName.set(name, one);
  }
  return [...byName.values()];
}

/** Reports typing errors in the names of sections and of disabled plugins. */
function checkNames(
  { plugins = [], disabled = [], sections = {} }: PluginSelection,
  loader: PluginLoader,
  alsoKnown: readonly string[],
) {
  for (const [name, section] of Object.entries(sections)) {
    if (alsoKnown.includes(name) || section["enabled"] === false || disabled.includes(name)) continue;
    if (sourceOf(name, section) === undefined) loader.checkName(name, `plugins.${name}`, alsoKnown);
  }
  for (const name of disabled) {
    if (plugins.includes(name) || Object.hasOwn(sections, name)) continue;
    loader.checkName(name, `--disable-plugin ${name}`, alsoKnown);
  }
}
