import { isObject } from "@claudeway/schemas";
import { PluginError } from "../faults.js";
import { type AnyPlugin, NEEDS } from "../plugin.js";

const API_VERSION = 1;
const NO_PLUGIN = "the default export must be the result of definePlugin()";
const NAME = /^[a-z][a-z0-9_]{0,63}$/;

/**
 * Checks that the value is a plugin, and throws a `PluginError` otherwise. Types do not protect a plugin in plain
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
  const { apiVersion, name, apply, check, configSchema, exclusive, needs, setup } = value;
  if (apiVersion === undefined && apply === undefined) return NO_PLUGIN;
  // First, because a plugin for another version may differ in every other field.
  if (apiVersion !== API_VERSION) return versionProblem(apiVersion);
  if (typeof name !== "string" || !NAME.test(name)) {
    return `name must be lower-case letters, digits and underscores, beginning with a letter, got ${JSON.stringify(name)}`;
  }
  if (typeof apply !== "function") return `apply must be a function, got ${typeof apply}`;
  if (check !== undefined && typeof check !== "function") return "check must be a function";
  if (!isObject(configSchema)) return "configSchema must be a JSON Schema of an object";
  if (exclusive !== undefined && exclusive !== true && exclusive !== "node")
    return 'exclusive must be true, "node" or undefined';
  const { needsLogin, confinesCli } = value;
  if (needsLogin !== undefined && needsLogin !== false) return "needsLogin must be false or undefined";
  if (confinesCli !== undefined && confinesCli !== true) return "confinesCli must be true or undefined";
  return setupProblem(setup) ?? (needs === undefined ? undefined : needsProblem(needs));
}

function setupProblem(setup: unknown): string | undefined {
  if (setup === undefined) return undefined;
  if (!isObject(setup)) return "setup must be an object";
  const { ask = [], find, test } = setup;
  if (!Array.isArray(ask)) return "setup.ask must be a list of settings";
  const odd = [find, test].some((one) => one !== undefined && typeof one !== "function");
  return odd ? "setup.find and setup.test must be functions" : undefined;
}

function versionProblem(version: unknown): string {
  const found = `apiVersion must be ${API_VERSION}, got ${JSON.stringify(version) ?? "none"}`;
  return typeof version === "number" && version > API_VERSION
    ? `${found}; the plugin needs a newer Claudeway`
    : found;
}

function needsProblem(needs: unknown): string | undefined {
  if (!Array.isArray(needs)) return "needs must be a list";
  const known: readonly unknown[] = NEEDS;
  const unknown: unknown = needs.find((need) => !known.includes(need));
  if (unknown === undefined) return undefined;
  const allowed = known.length === 0 ? "be empty" : `list only ${known.join(", ")}`;
  return `needs must ${allowed}, got ${JSON.stringify(unknown)}`;
}
