import { spawn } from "node:child_process";
import { once } from "node:events";
import type { LoadedConfig } from "@claudeway/config";
import { childEnvironment, KnownSecrets } from "@claudeway/core/host";
import { findClaude } from "@claudeway/engine-claude";

/**
 * `claudeway login`: runs the login of the gateway's CLI in the environment that the gateway gives it, in particular with the
 * same `CLAUDE_CONFIG_DIR`. Resolves to the exit status of the CLI.
 */
export async function logIn(loaded: LoadedConfig, env: NodeJS.ProcessEnv): Promise<number> {
  const { config, origins } = loaded;
  const { path } = findClaude(config.claude_bin, origins["claude_bin"]);
  const given = childEnvironment(env, new KnownSecrets(loaded));
  // An empty variable is the same as none: a compose file passes on `${NAME:-}`.
  if ((given["ANTHROPIC_API_KEY"] ?? "") !== "") {
    process.stderr.write("claudeway: ANTHROPIC_API_KEY is set and overrides a login\n");
  }
  const child = spawn(path, ["auth", "login"], { env: given, stdio: "inherit" });
  // The CLI handles Ctrl-C; this program ends when the CLI does.
  const leaveToClaude = () => undefined;
  process.on("SIGINT", leaveToClaude);
  try {
    const [code] = await once(child, "exit");
    return typeof code === "number" ? code : 1;
  } finally {
    process.off("SIGINT", leaveToClaude);
  }
}
