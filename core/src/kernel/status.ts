import type { Instance } from "./instance.js";
import { maskSecrets } from "./secrets.js";
import type { CheckedPlugin } from "./selection.js";

/** A plugin that the kernel has had to do with. */
export interface PluginEntry {
  readonly checked: CheckedPlugin;
  /** The running one; of a failed one that may not be left out, the one that stands in its place. */
  readonly instance: Instance | undefined;
  readonly state: "on" | "off" | "failed";
  /** Why it failed, or why a change of it did while the old one runs on. */
  readonly lastError: string | null;
}

/** What an operator sees of a plugin. Numbers count from its last start. */
export interface PluginStatus {
  readonly name: string;
  /** Of its package, where it has one. */
  readonly version?: string;
  readonly state: "on" | "off" | "failed";
  readonly needs: readonly string[];
  /** How it was asked for: a name, a package, a path. */
  readonly source: string;
  /** Defaults filled in, secrets masked. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Milliseconds that its start took. */
  readonly startedMs: number;
  readonly lastError: string | null;
  /** Milliseconds that requests and turns spent in its taps. */
  readonly tapMs: number;
  /** Throws, rejections, missed deadlines and wrong answers of its taps. */
  readonly faults: number;
  /** Telling calls that it missed because too many were in flight. */
  readonly dropped: number;
  /** The longest that one call held the whole gateway up, in ms; 0 while none went over the limit. */
  readonly blockedMs: number;
  readonly notices: readonly string[];
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
