import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import { PluginError } from "./faults.js";
import type { CheckedPlugin } from "./loading/selection.js";
import type { PluginRegistry } from "./plugin-registry.js";

/** The outcome of a changed selection, by plugin name. */
export interface ChangeReport {
  readonly started: readonly string[];
  readonly replaced: readonly string[];
  readonly stopped: readonly string[];
  readonly unchanged: readonly string[];
  /** Each keeps its old instance if it had one. An exclusive plugin may be off; its status is then `failed`. */
  readonly failed: readonly PluginError[];
}

/**
 * Makes exactly these plugins run, in this order: disables the others, enables new ones, and replaces those with a
 * changed configuration. Plugins change one by one, and one that fails keeps its old instance.
 */
export async function applySelection(
  wanted: readonly CheckedPlugin[],
  registry: PluginRegistry,
  log: Logger,
): Promise<ChangeReport> {
  const names = wanted.map(({ name }) => name);
  // Disabled first, so that others can use their prefixes.
  const stopped = await stopOthers(names, registry);
  registry.reorder(names);
  const report = { started: [], replaced: [], stopped, unchanged: [], failed: [] };
  for (const one of wanted) await changeOne(one, registry, log, report);
  registry.reorder(names);
  return report;
}

async function stopOthers(names: readonly string[], registry: PluginRegistry): Promise<string[]> {
  const others = registry.entries
    .filter(({ checked, state }) => state !== "off" && !names.includes(checked.name))
    .map(({ checked }) => checked.name)
    .toReversed();
  for (const name of others) await registry.switchOff(name);
  return others;
}

type MutableReport = { [Outcome in "started" | "replaced" | "unchanged"]: string[] } & {
  failed: PluginError[];
};

async function changeOne(
  checked: CheckedPlugin,
  registry: PluginRegistry,
  log: Logger,
  report: MutableReport,
): Promise<void> {
  try {
    report[await startOrReplace(checked, registry)].push(checked.name);
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    log.error({ err: error }, error.message);
    report.failed.push(error);
  }
}

async function startOrReplace(
  checked: CheckedPlugin,
  registry: PluginRegistry,
): Promise<"started" | "replaced" | "unchanged"> {
  const entry = registry.get(checked.name);
  if (entry === undefined || entry.state !== "on") {
    await registry.start(checked);
    return "started";
  }
  const { plugin, config } = entry.checked;
  if (plugin === checked.plugin && isDeepStrictEqual(config, checked.config)) return "unchanged";
  await registry.replace(entry, checked);
  return "replaced";
}
