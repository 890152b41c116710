import { PluginError } from "../faults.js";
import { isPackageName } from "./locate.js";

/** What a section may say about where its plugin is. */
export const SOURCE_KEYS = ["package", "path"] as const;

/**
 * The package or path that a section names; undefined if its plugin is found by its own name. Throws a `PluginError`.
 */
export function sourceOf(name: string, section: Readonly<Record<string, unknown>>): string | undefined {
  const { package: fromPackage, path } = section;
  if (fromPackage === undefined && path === undefined) return undefined;
  if (fromPackage !== undefined && path !== undefined) {
    throw invalid(name, `plugins.${name} must have package or path, got both`);
  }
  if (path === undefined) return packageIn(name, fromPackage);
  if (typeof path !== "string" || path === "") {
    throw invalid(
      name,
      `plugins.${name}.path must be the path of a file or folder, got ${JSON.stringify(path)}`,
    );
  }
  return /^(?:\/|\.{1,2}(?:\/|$))/.test(path) ? path : `./${path}`;
}

function packageIn(name: string, given: unknown): string {
  if (typeof given === "string" && isPackageName(given)) return given;
  throw invalid(
    name,
    `plugins.${name}.package must be the name of a plugin package (claudeway-plugin-x, @scope/claudeway-plugin-x), got ${JSON.stringify(given)}`,
  );
}

function invalid(name: string, message: string): PluginError {
  return new PluginError(name, "CW_PLUGIN_CONFIG_INVALID", message);
}
