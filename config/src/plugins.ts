import type { CommandLine, PluginSection } from "@claudeway/schemas";

export interface PluginChoices {
  /** The enabled plugins: names, packages or paths as configured, first those of the file, then those of the flags. */
  readonly plugins: readonly string[];
  /** The values of `--disable-plugin`; they may be plugins' own names, which are known only after loading. */
  readonly disabledPlugins: readonly string[];
  /** Every plugin section of the file, also of disabled plugins, without `enabled`. */
  readonly pluginSections: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Merges the plugin sections of the file with the flags; `--disable-plugin` wins. */
export function choosePlugins(
  sections: Readonly<Record<string, PluginSection>>,
  flags: CommandLine,
): PluginChoices {
  const inFile = Object.keys(sections).filter((name) => sections[name]?.enabled === true);
  return {
    plugins: [...new Set([...inFile, ...flags.enable_plugin])].filter(
      (name) => !flags.disable_plugin.includes(name),
    ),
    disabledPlugins: flags.disable_plugin,
    pluginSections: Object.fromEntries(
      Object.entries(sections).map(([name, { enabled, ...own }]) => [name, own]),
    ),
  };
}
