import type { PluginStatus } from "./capabilities.js";
import type { Instance } from "./instance.js";
import { maskSecrets } from "./loading/secrets.js";
import type { CheckedPlugin } from "./loading/selection.js";

/** A plugin that the kernel has had to do with. */
export interface PluginEntry {
  readonly checked: CheckedPlugin;
  /** The running one; of a failed one that may not be left out, the one that stands in its place. */
  readonly instance: Instance | undefined;
  readonly state: "on" | "off" | "failed";
  /** Why it failed, or why a change of it did while the old one runs on. */
  readonly lastError: string | null;
}

export function describePlugin({ checked, instance, state, lastError }: PluginEntry): PluginStatus {
  const { meter } = instance ?? {};
  return {
    name: checked.name,
    ...(checked.version !== undefined && { version: checked.version }),
    state,
    needs: checked.plugin.needs ?? [],
    source: checked.source,
    config: maskSecrets(checked.config, checked.plugin.configSchema),
    startedMs: instance?.startedMs ?? 0,
    lastError: lastError ?? meter?.lastError ?? null,
    tapMs: Math.round((meter?.tapMs ?? 0) * 100) / 100,
    faults: meter?.faults ?? 0,
    dropped: meter?.dropped ?? 0,
    blockedMs: meter?.blockedMs ?? 0,
    notices: instance?.notices ?? [],
  };
}
