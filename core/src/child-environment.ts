import { homedir } from "node:os";
import { join } from "node:path";
import { isEveryday } from "@claudeway/config";
import type { KnownSecrets } from "./secrets.js";

/** Variables by which a service manager speaks to this process alone; no child process gets them. */
const FOR_THIS_PROCESS: ReadonlySet<string> = new Set(["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"]);

/**
 * The environment that the CLI is started with: the gateway's own, without what is the gateway's secret.
 * Variables that are named as secret (`WRAPPER_KEYS`, and those in the config file) are left out, and those whose value
 * contains a secret (or is one, of those that are as short as a word), whatever their name; only PATH, HOME and their like always pass. What a service manager says to
 * the gateway itself is left out too.
 */
export function childEnvironment(
  from: NodeJS.ProcessEnv,
  { names, values, short }: Pick<KnownSecrets, "names" | "values" | "short">,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(from)) {
    if (value === undefined || names.has(name) || FOR_THIS_PROCESS.has(name)) continue;
    const isSecret = short.has(value) || values.some((secret) => value.includes(secret));
    if (isSecret && !isEveryday(name)) continue;
    kept[name] = value;
  }
  return kept;
}

/** The folder that the CLI keeps its settings, its login and its transcripts in. */
export function claudeFolder(env: NodeJS.ProcessEnv): string {
  return env["CLAUDE_CONFIG_DIR"] || join(env["HOME"] || homedir(), ".claude");
}
