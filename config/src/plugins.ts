import type { CommandLine, PluginSection } from "@claudeway/schemas";

/** What a plugin's section says, without `enabled`. */
export type PluginConfig = Readonly<Record<string, unknown>>;

/** A plugin to switch on. */
export interface PluginChoice {
  /** A plugin's name, a package or a path, as the operator wrote it. */
  readonly ref: string;
  /** Its own name, where that can be told before it is loaded. */
  readonly name: string | undefined;
  /** Its section; empty where it has none, or where its name is not known yet: then look it up in the sections. */
  readonly config: PluginConfig;
}

export interface PluginChoices {
  /** In the file's order, then the flags'. */
  readonly plugins: readonly PluginChoice[];
  /** What `--disable-plugin` named: also the plugins' own names, which only loading tells. */
  readonly disabledPlugins: readonly string[];
  /** Every section of the file, of plugins that are off too. */
  readonly pluginSections: Readonly<Record<string, PluginConfig>>;
}

/** Weighs the file's sections against the flags. */
export function choosePlugins(
  sections: Readonly<Record<string, PluginSection>>,
  flags: CommandLine,
): PluginChoices {
  const pluginSections = Object.fromEntries(
    Object.entries(sections).map(([name, { enabled, ...own }]) => [name, own]),
  );
  const inFile = Object.keys(sections).filter((name) => sections[name]?.enabled === true);
  const refs = [...new Set([...inFile, ...flags.enable_plugin])].filter(
    (ref) => !flags.disable_plugin.includes(ref),
  );
  return {
    plugins: refs.map((ref) => ({
      ref,
      name: isPluginName(ref) ? ref : undefined,
      config: Object.hasOwn(pluginSections, ref) ? (pluginSections[ref] ?? {}) : {},
    })),
    disabledPlugins: flags.disable_plugin,
    pluginSections,
  };
}

/** What a plugin may be called; a package's name or a path has other characters in it. */
function isPluginName(ref: string): boolean {
  return /^[a-z][a-z0-9_]*$/.test(ref);
}
