import { isEveryday } from "@claudeway/config";

/** A shorter one would be found by chance, in `PATH` say. */
const SHORTEST_SECRET = 8;

/**
 * The environment that the CLI is started with: the gateway's own, without what is the gateway's secret.
 *
 * @param names variables that hold secrets of the gateway (`WRAPPER_KEYS`, and those named in the config file)
 * @param secrets values that no variable may contain, whatever its name; only PATH, HOME and their like always pass
 */
export function childEnvironment(
  from: NodeJS.ProcessEnv,
  names: readonly string[],
  secrets: readonly string[],
): Record<string, string> {
  const hidden = new Set(names);
  const telling = secrets.filter((secret) => secret.length >= SHORTEST_SECRET);
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(from)) {
    if (value === undefined || hidden.has(name)) continue;
    if (!isEveryday(name) && telling.some((secret) => value.includes(secret))) continue;
    kept[name] = value;
  }
  return kept;
}
