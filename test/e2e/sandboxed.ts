import { join } from "node:path";
import { parse, stringify } from "smol-toml";

/**
 * Set to 1, every gateway under test runs the CLI in the sandbox. What differs there, and where tests ask for it:
 * - nothing outlives a killed gateway, with or without its guard: "is what the CLI saved, if it ran to its end without a guard"
 *   (killed-money.long) is skipped, and ends.long expects that nothing is left;
 * - a turn's process is bubblewrap, which passes no signal on: `cliOf` finds the CLI. A CLI whose gateway is killed in the middle
 *   does not write what it would: background-money.long fails for that now and then, over kills of the gateway;
 * - each key has a login of its own, so that the gateway asks for none: "no login" (failures) is skipped;
 * - folders that the sandbox does not show are refused: turn-options fails for its three tests of `additional_dirs`.
 */
export const SANDBOX_SWITCH = "CLAUDEWAY_TEST_SANDBOX";

/**
 * The configuration of a gateway under test with the plugin sandbox, if `SANDBOX_SWITCH` is set. Keys keep one configuration
 * folder of the CLI, where the tests look for it, unless the test gives each its own.
 */
export function sandboxed(
  config: string | undefined,
  dir: string,
  keyIds: readonly string[],
): string | undefined {
  if (process.env[SANDBOX_SWITCH] !== "1") return config;
  let tree: Record<string, unknown>;
  try {
    tree = parse(config ?? "");
  } catch {
    // The test is about that.
    return config;
  }
  const shared =
    part(tree, "engine")["config_dirs"] === "per_key" ? {} : { CLAUDE_CONFIG_DIR: join(dir, "claude") };
  const keys = keyIds.map((id) => {
    const key = part(part(tree, "keys"), id);
    return [id, { workdirs: ["/**"], ...key, env: { ...shared, ...part(key, "env") } }];
  });
  return stringify({
    ...tree,
    engine: { ...part(tree, "engine"), config_dirs: "per_key" },
    keys: { ...part(tree, "keys"), ...Object.fromEntries(keys) },
    plugins: {
      ...part(tree, "plugins"),
      sandbox: { enabled: true, ...part(part(tree, "plugins"), "sandbox") },
    },
  });
}

function part(tree: object, name: string): Record<string, unknown> {
  const found: unknown = Reflect.get(tree, name);
  return typeof found === "object" && found !== null && !Array.isArray(found) ? { ...found } : {};
}
