import { messageOf } from "@claudeway/ports";
import type { PluginFaultCode } from "./fault-codes.js";
import { PluginError } from "./faults.js";
import type { PluginStatus } from "./gateway-control.js";
import type { Instance } from "./instance.js";
import { maskSecrets } from "./loading/secrets.js";
import type { CheckedPlugin } from "./loading/selection.js";

/** A plugin known to the kernel. */
export interface PluginEntry {
  readonly checked: CheckedPlugin;
  /** The running instance; for a failed plugin that must not be skipped, the instance that refuses in its place. */
  readonly instance: Instance | undefined;
  readonly state: "on" | "off" | "failed";
  /** The reason of its failure, or of a failed change while the old instance keeps running. */
  readonly lastError: string | null;
  readonly lastErrorCode: PluginFaultCode | null;
}

/** The fields of a plugin's entry that describe an error. */
export function lastErrorOf(error: unknown): Pick<PluginEntry, "lastError" | "lastErrorCode"> {
  const lastErrorCode = error instanceof PluginError ? error.code : "CW_PLUGIN_START_FAILED";
  return { lastError: messageOf(error), lastErrorCode };
}

export const NO_ERROR = { lastError: null, lastErrorCode: null } as const;

export function describePlugin({
  checked,
  instance,
  state,
  lastError,
  lastErrorCode,
}: PluginEntry): PluginStatus {
  const { meter } = instance ?? {};
  return {
    name: checked.name,
    ...(checked.version !== undefined && { version: checked.version }),
    state,
    needs: checked.plugin.needs ?? [],
    confinesCli: checked.plugin.confinesCli === true,
    source: checked.source,
    config: maskSecrets(checked.config, checked.plugin.configSchema),
    startedMs: instance?.startedMs ?? 0,
    lastError: lastError ?? meter?.lastError ?? null,
    lastErrorCode: lastErrorCode ?? meter?.lastErrorCode ?? null,
    tapMs: Math.round((meter?.tapMs ?? 0) * 100) / 100,
    faults: meter?.faults ?? 0,
    dropped: meter?.dropped ?? 0,
    blockedMs: meter?.blockedMs ?? 0,
    notices: instance?.notices ?? [],
  };
}
