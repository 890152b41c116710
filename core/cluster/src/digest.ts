import { createHmac } from "node:crypto";
import type { LoadedConfig } from "@claudeway/config";

const LENGTH = 12;
const OF_PLUGIN = "plugins.";

/**
 * The digest of each part of the configuration on which all nodes must agree, as `keys=0123456789ab plugins.telegram=…`. Only
 * who has the cluster's secret can compute it, so that it does not help to guess a key.
 */
export function configDigest(
  loaded: LoadedConfig,
  secret: string,
  agreed: Readonly<Record<string, unknown>>,
): string {
  return Object.entries(partsOf(loaded, agreed))
    .map(([name, value]) => `${name}=${digestOf(value, secret)}`)
    .sort()
    .join(" ");
}

/**
 * The names of the parts in which two digests differ. A part that only one of them has is a setting that the other's version does not
 * know, except that a plugin must be on at both.
 */
export function differingParts(one: string, other: string): string[] {
  const [ours, theirs] = [read(one), read(other)];
  const names = new Set([...ours.keys(), ...theirs.keys()]);
  const isInBoth = (name: string) => ours.has(name) && theirs.has(name);
  return [...names]
    .filter((name) => ours.get(name) !== theirs.get(name) && (isInBoth(name) || name.startsWith(OF_PLUGIN)))
    .sort();
}

function partsOf(
  { keys, keyLimits, config, plugins, pluginSections }: LoadedConfig,
  agreed: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { engine, accounts, no_permissions_bypass } = config;
  const { config_dirs, on_limit, max_wait_secs, trusted_workdirs } = engine;
  const ofPlugins = plugins.map((name) => [`${OF_PLUGIN}${name}`, pluginSections[name] ?? {}]);
  return {
    keys,
    key_limits: keyLimits,
    accounts,
    no_permissions_bypass,
    "engine.accounts": engine.accounts,
    "engine.config_dirs": config_dirs,
    "engine.on_limit": on_limit,
    "engine.max_wait_secs": max_wait_secs,
    "engine.trusted_workdirs": trusted_workdirs,
    ...agreed,
    ...Object.fromEntries(ofPlugins),
  };
}

function digestOf(value: unknown, secret: string): string {
  return createHmac("sha256", secret)
    .update(JSON.stringify(sorted(value)) ?? "")
    .digest("hex")
    .slice(0, LENGTH);
}

/** The same value with the properties of its objects in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

function read(digest: string): Map<string, string> {
  return new Map(
    digest
      .split(" ")
      .filter((pair) => pair !== "")
      .map((pair) => {
        const at = pair.lastIndexOf("=");
        return [pair.slice(0, at), pair.slice(at + 1)] as const;
      }),
  );
}
