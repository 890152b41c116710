import { ConfigError } from "./errors.js";
import type { PluginAdditions, PluginSetting } from "./plugin-settings.js";
import { longFlag } from "./settings.js";
import { readText, splitList } from "./text.js";
import type { Environment, UsedVariable } from "./variables.js";

type Values = Readonly<Record<string, unknown>>;

/** What flags and variables say about plugins' settings. */
export interface PluginValues {
  /** By plugin and setting. */
  readonly values: Readonly<Record<string, Values>>;
  /** The flag or variable of each value, by plugin and setting. */
  readonly names: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly used: readonly UsedVariable[];
  /** Values of flags that the schemas mark as secret. */
  readonly secrets: readonly string[];
}

/**
 * Merges the flags and variables of plugins; flags win. Variables count for plugins that are not enabled too, since they
 * may be later. Throws a `ConfigError` for the flag of a plugin that is not enabled.
 */
export function pluginValues(
  flags: Readonly<Record<string, Values>>,
  { settings }: PluginAdditions,
  { env, enabled }: { readonly env: Environment; readonly enabled: readonly string[] },
): PluginValues {
  const given = settings.flatMap((setting) => {
    const found = fromFlag(setting, flags) ?? fromVariable(setting, env);
    return found === undefined ? [] : [{ setting, ...found }];
  });
  for (const { setting, name, isFlag } of given) {
    if (!isFlag || enabled.includes(setting.plugin)) continue;
    throw new ConfigError(
      `${name} is a flag of the plugin ${setting.plugin}, which is not enabled; add --enable-plugin ${setting.plugin}`,
    );
  }
  const group = <T>(pick: (one: (typeof given)[number]) => T) => {
    const byPlugin: Record<string, Record<string, T>> = {};
    for (const one of given) {
      const { plugin, key } = one.setting;
      byPlugin[plugin] = { ...byPlugin[plugin], [key]: pick(one) };
    }
    return byPlugin;
  };
  return {
    values: group(({ value }) => value),
    names: group(({ name }) => name),
    used: given.flatMap(({ setting, name, isFlag }) =>
      isFlag ? [] : [{ name, value: env[name] ?? "", secret: setting.isSecret }],
    ),
    secrets: given.flatMap(({ setting, value, isFlag }) =>
      isFlag && setting.isSecret ? [value].flat().filter((one) => typeof one === "string") : [],
    ),
  };
}

function fromFlag({ plugin, key, flag }: PluginSetting, flags: Readonly<Record<string, Values>>) {
  const value = flags[plugin]?.[key];
  return flag === undefined || value === undefined
    ? undefined
    : { name: longFlag(flag), value, isFlag: true };
}

function fromVariable({ env: name, types }: PluginSetting, env: Environment) {
  // Compose files set variables to nothing that their user has not set.
  const text = name === undefined ? undefined : env[name];
  if (name === undefined || text === undefined || text === "") return undefined;
  const isList = types.includes("array") && !types.includes("string");
  return { name, value: isList ? splitList(text) : readText(text, types), isFlag: false };
}
