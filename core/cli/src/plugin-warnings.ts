import type { LoadedConfig } from "@claudeway/config";
import { PluginLoader } from "@claudeway/kernel";

/** What is wrong with plugins that are off. */
export function pluginWarnings(
  { pluginProblems, pluginSections, plugins }: LoadedConfig,
  cwd: string,
): string[] {
  return [...pluginProblems, ...new PluginLoader({ cwd }).warnings(pluginSections, plugins)];
}
