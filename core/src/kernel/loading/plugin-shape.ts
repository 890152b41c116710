import { isObject } from "@claudeway/schemas";
import { PluginError } from "../faults.js";
import { type AnyPlugin, NEEDS } from "../plugin.js";

const API_VERSION = 1;
const NO_PLUGIN = "exports no plugin; its default export has to be what definePlugin() returns";
const NAME = /^[a-z][a-z0-9_]{0,63}$/;

/**
 * The value as a plugin, or a `PluginError` that says what is wrong with it. No compiler has checked a plugin in plain
 * JavaScript, or one that was built against another version.
 */
export function checkPlugin(value: unknown, source: string): AnyPlugin {
  if (isPlugin(value)) return value;
  const problem = problemOf(value);
  const code = problem?.startsWith("apiVersion") ? "CW_PLUGIN_API_VERSION" : "CW_PLUGIN_INVALID";
  throw new PluginError(source, code, `plugin ${source}: ${problem}`);
}

function isPlugin(value: unknown): value is AnyPlugin {
  return problemOf(value) === undefined;
}

function problemOf(value: unknown): string | undefined {
  if (!isObject(value)) return NO_PLUGIN;
  const { apiVersion, name, apply, configSchema, exclusive, needs, needsLogin, setup } = value;
  if (apiVersion === undefined && apply === undefined) return NO_PLUGIN;
  // First, because a plugin for another version may look different in everything else.
  if (apiVersion !== API_VERSION) return versionProblem(apiVersion);
  if (typeof name !== "string" || !NAME.test(name)) {
    return `name is ${JSON.stringify(name)}; takes lower case letters, digits and underscores, a letter first`;
  }
  if (typeof apply !== "function") return "has no function apply";
  if (!isObject(configSchema)) return "has no configSchema; takes a JSON Schema of an object";
  if (exclusive !== undefined && exclusive !== true) return "exclusive takes true or nothing";
  if (needsLogin !== undefined && needsLogin !== false) return "needsLogin takes false or nothing";
  return setupProblem(setup) ?? (needs === undefined ? undefined : needsProblem(needs));
}

function setupProblem(setup: unknown): string | undefined {
  if (setup === undefined) return undefined;
  if (!isObject(setup)) return "setup takes an object";
  const { ask = [], find, test } = setup;
  if (!Array.isArray(ask)) return "setup.ask takes a list of settings";
  const odd = [find, test].some((one) => one !== undefined && typeof one !== "function");
  return odd ? "setup.find and setup.test take functions" : undefined;
}

function versionProblem(version: unknown): string {
  const found = `apiVersion is ${JSON.stringify(version) ?? "missing"}; this gateway takes ${API_VERSION}`;
  return typeof version === "number" && version > API_VERSION
    ? `${found}: it needs a newer Claudeway`
    : found;
}

function needsProblem(needs: unknown): string | undefined {
  if (!Array.isArray(needs)) return "needs takes a list";
  const known: readonly unknown[] = NEEDS;
  const unknown: unknown = needs.find((need) => !known.includes(need));
  if (unknown === undefined) return undefined;
  const offer = known.length === 0 ? "offers nothing beyond the plain scope" : `offers ${known.join(", ")}`;
  return `needs ${JSON.stringify(unknown)}; this gateway ${offer}`;
}
