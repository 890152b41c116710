import { isObject, nearest } from "@claudeway/schemas";
import { PluginError } from "../faults.js";
import type { LoadedPlugin, PluginLoader, PluginSource } from "./loader.js";
import { isFirstPartyName } from "./locate.js";
import type { PluginSection } from "./plugin-config.js";

/** Which plugins are on, and how they are configured. */
export interface PluginSelection {
  /** Enabled regardless of their section: first-party names, packages, paths, or plugin objects. */
  readonly plugins?: readonly PluginSource[];
  /** Disabled in any case (`--disable-plugin`): by the plugin's own name, or as named in `plugins`. */
  readonly disabled?: readonly string[];
  /** `[plugins.<name>]` by the plugin's own name, in the order of the file; `enabled: true` switches one on. */
  readonly sections?: Readonly<Record<string, PluginSection>>;
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
  const { disabled = [], sections = {} } = selection;
  const loaded = withoutTwins(await loadAll(selection, loader));
  const names = [...(await loader.names()), ...loaded.map(({ plugin }) => plugin.name), ...alsoKnown];
  checkNames(selection, [...new Set(names)]);
  return loaded
    .filter(({ plugin }) => !disabled.includes(plugin.name))
    .map((one) => configure(one, sectionOf(sections, one.plugin.name)));
}

/** The plugin with another section. Throws a `PluginError` if the section is invalid. */
export function configure(loaded: LoadedPlugin, section: PluginSection): CheckedPlugin {
  return { ...loaded, name: loaded.plugin.name, config: loaded.checkConfig(section) };
}

function sectionOf(sections: Readonly<Record<string, PluginSection>>, name: string): PluginSection {
  return Object.hasOwn(sections, name) ? (sections[name] ?? {}) : {};
}

async function loadAll(selection: PluginSelection, loader: PluginLoader): Promise<LoadedPlugin[]> {
  const { plugins = [], disabled = [], sections = {} } = selection;
  const switchedOn = Object.entries(sections).filter(([name, section]) => isEnabled(name, section));
  const sources = new Set<PluginSource>([...switchedOn.map(([name]) => name), ...plugins]);
  // Disabled plugins are not even imported.
  for (const name of disabled) sources.delete(name);
  const loaded = new Map<PluginSource, LoadedPlugin>();
  // Third-party plugins come first, so that a section with their name refers to them.
  for (const source of sources) {
    if (!isPlainName(source)) loaded.set(source, await loader.load(source));
  }
  for (const source of sources) {
    if (isPlainName(source) && !(await meansStranger(source, loaded, loader))) {
      loaded.set(source, await loader.load(source));
    }
  }
  return [...sources].flatMap((source) => loaded.get(source) ?? []);
}

function isPlainName(source: PluginSource): source is string {
  return typeof source === "string" && isFirstPartyName(source);
}

async function meansStranger(
  name: string,
  loaded: ReadonlyMap<PluginSource, LoadedPlugin>,
  loader: PluginLoader,
): Promise<boolean> {
  const known = [...loaded.values()].some(({ plugin }) => plugin.name === name);
  return known && !(await loader.names()).includes(name);
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
  known: readonly string[],
) {
  for (const [name, section] of Object.entries(sections)) {
    const { enabled } = section;
    if (known.includes(name) || enabled === false || disabled.includes(name)) continue;
    refuseName(`plugins.${name}`, name, known);
  }
  for (const name of disabled) {
    if (known.includes(name) || plugins.includes(name) || Object.hasOwn(sections, name)) continue;
    refuseName(`--disable-plugin ${name}`, name, known);
  }
}

function refuseName(where: string, name: string, known: readonly string[]): never {
  const guess = nearest(name, known);
  const hint = guess === undefined ? "" : ` did you mean ${guess}?`;
  const installed = `known plugins: ${known.join(", ") || "none"}`;
  const elsewhere = "enable one from a package or a path with --enable-plugin";
  throw new PluginError(
    name,
    "CW_PLUGIN_NOT_FOUND",
    `${where}: unknown plugin;${hint} ${installed}; ${elsewhere}`,
  );
}
