import { messageOf } from "@claudeway/ports";
import type { PluginFaultCode } from "./fault-codes.js";

/**
 * A plugin cannot be found, loaded, configured or started. The message is one line for the operator: the plugin, the
 * fault and the remedy.
 */
export class PluginError extends Error {
  override readonly name = "PluginError";

  constructor(
    /** The plugin's own name, or its source if the name is not known yet. */
    readonly plugin: string,
    readonly code: PluginFaultCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(oneLine(message), options);
  }
}

/** Where a plugin's code was called. */
export interface TapSite {
  readonly plugin: string;
  readonly hook: string;
  /** The name of the tap. */
  readonly tap: string;
}

/**
 * An interceptor tap failed: a defect of the plugin, never the client's fault. It is logged, and the client gets a
 * 500.
 */
export class PluginFault extends Error implements TapSite {
  override readonly name = "PluginFault";
  readonly plugin: string;
  readonly hook: string;
  readonly tap: string;

  constructor(
    site: TapSite,
    readonly code: PluginFaultCode,
    cause: unknown,
  ) {
    super(`${describeSite(site)}: ${oneLine(messageOf(cause))}`, { cause });
    this.plugin = site.plugin;
    this.hook = site.hook;
    this.tap = site.tap;
  }
}

/** The message of an error, with the code if it is a fault of a plugin. */
export function describeFault(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const fault = [error, cause].find((one) => one instanceof PluginError || one instanceof PluginFault);
  return fault === undefined ? messageOf(error) : `${messageOf(error)} [${fault.code}]`;
}

export function describeSite(site: TapSite): string {
  return `plugin ${site.plugin}: tap "${site.tap}" on ${site.hook}`;
}

/** Replaces line breaks and runs of blanks by one blank. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
