import { type CommandLine, isObject, type PluginSection } from "@claudeway/schemas";
import type { PluginDeclaration } from "./plugin-settings.js";
import type { PluginValues } from "./plugin-values.js";

export interface PluginChoices {
  /** The enabled plugins: names, packages or paths as configured, first those of the file, then those of the flags. */
  readonly plugins: readonly string[];
  /** The values of `--disable-plugin`; they may be plugins' own names, which are known only after loading. */
  readonly disabledPlugins: readonly string[];
  /** Every plugin section, also of disabled plugins, without `enabled`: the file's, below variables and flags. */
  readonly pluginSections: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** The flag or variable of settings that did not come from the file, by plugin and setting, for messages. */
  readonly pluginNames: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The plugin sections of a file that was not checked yet. */
export function pluginSectionsIn(tree: unknown): Readonly<Record<string, unknown>> {
  const { plugins } = isObject(tree) ? tree : {};
  return isObject(plugins) ? plugins : {};
}

/** Which packages and paths a configuration names that was not checked yet, and which plugins it enables. */
export function peekPlugins(
  sections: Readonly<Record<string, unknown>>,
  { enable_plugin, disable_plugin }: CommandLine,
): {
  readonly named: readonly string[];
  readonly isEnabled: (declaration: PluginDeclaration) => boolean;
} {
  const on = Object.entries(sections).flatMap(([name, section]) =>
    isObject(section) && section["enabled"] === true ? [{ name, section }] : [],
  );
  const places = on.flatMap(({ section: { package: from, path } }) => [
    ...(typeof from === "string" ? [from] : []),
    ...(typeof path === "string" ? [/^[./]/.test(path) ? path : `./${path}`] : []),
  ]);
  const names = [...on.map(({ name }) => name), ...enable_plugin];
  const isEnabled = ({ name, source = name }: PluginDeclaration) =>
    (names.includes(name) || names.includes(source)) && !disable_plugin.includes(name);
  return { named: [...places, ...enable_plugin], isEnabled };
}

/** Merges the plugin sections of the file with the flags; `--disable-plugin` wins. */
export function choosePlugins(
  sections: Readonly<Record<string, PluginSection>>,
  flags: CommandLine,
  { values, names }: PluginValues,
): PluginChoices {
  const inFile = Object.keys(sections).filter((name) => sections[name]?.enabled === true);
  return {
    plugins: [...new Set([...inFile, ...flags.enable_plugin])].filter(
      (name) => !flags.disable_plugin.includes(name),
    ),
    disabledPlugins: flags.disable_plugin,
    pluginSections: {
      ...Object.fromEntries(Object.entries(sections).map(([name, { enabled, ...own }]) => [name, own])),
      ...Object.fromEntries(
        Object.entries(values).map(([name, own]) => {
          const { enabled, ...inFile } = sections[name] ?? {};
          return [name, { ...inFile, ...own }];
        }),
      ),
    },
    pluginNames: names,
  };
}
