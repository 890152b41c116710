import { messageOf } from "../errors.js";
import type { PluginFaultCode } from "./fault-codes.js";

/**
 * A plugin can't be found, loaded, configured or started. The message is one line that names it and says what to do;
 * it is meant for the operator.
 */
export class PluginError extends Error {
  override readonly name = "PluginError";

  constructor(
    /** The plugin's own name, or how it was asked for where that is not known yet. */
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
  /** The name that the plugin gave its tap. */
  readonly tap: string;
}

/** An interceptor tap broke: a defect of the plugin, never the client's fault. The log gets it, the client a 500. */
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

/** An error's message, with its code where it is a plugin's fault. */
export function describeFault(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const fault = [error, cause].find((one) => one instanceof PluginError || one instanceof PluginFault);
  return fault === undefined ? messageOf(error) : `${messageOf(error)} [${fault.code}]`;
}

export function describeSite(site: TapSite): string {
  return `plugin ${site.plugin}: tap "${site.tap}" on ${site.hook}`;
}

/** Line breaks and runs of blanks become one blank. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
