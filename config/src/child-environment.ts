import { homedir } from "node:os";
import { join } from "node:path";
import type { KnownSecrets } from "./known-secrets.js";
import { isEveryday } from "./variables.js";

/** Variables of the service manager for this process only; child processes do not get them. */
const FOR_THIS_PROCESS: ReadonlySet<string> = new Set(["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"]);

/**
 * The environment of the CLI: the gateway's own without its secrets. It omits variables known as secret
 * (`WRAPPER_KEYS`, and those used in the config file), and variables whose value contains a secret (or equals a short
 * one), whatever their name; PATH, HOME and the like are always kept. Variables of the service manager are omitted
 * too.
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

/** The same as `childEnvironment`, made anew only when another secret has become known. */
export function rememberedEnvironment(
  from: NodeJS.ProcessEnv,
  secrets: KnownSecrets,
): () => Record<string, string> {
  let made: { readonly known: number; readonly env: Record<string, string> } | undefined;
  return () => {
    if (made?.known !== secrets.known) {
      made = { known: secrets.known, env: Object.freeze(childEnvironment(from, secrets)) };
    }
    return made.env;
  };
}

/** The folder of the CLI's settings, login and transcripts. */
export function claudeFolder(env: NodeJS.ProcessEnv): string {
  return env["CLAUDE_CONFIG_DIR"] || join(env["HOME"] || homedir(), ".claude");
}
