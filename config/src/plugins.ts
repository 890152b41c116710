import type { CommandLine, PluginSection } from "@claudeway/schemas";

export interface PluginChoices {
  /** What to switch on: plugins' names, packages and paths, as the operator wrote them; in the file's order, then the flags'. */
  readonly plugins: readonly string[];
  /** What `--disable-plugin` named: also the plugins' own names, which only loading tells. */
  readonly disabledPlugins: readonly string[];
  /** Every section of the file, of plugins that are off too; without `enabled`. */
  readonly pluginSections: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Weighs the file's sections against the flags. */
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
