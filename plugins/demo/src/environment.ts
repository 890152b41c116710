import { join } from "node:path";

/** Where the CLI finds the scripted model and its own folder. */
export interface DemoTarget {
  /** The scripted model's base URL. */
  readonly url: string;
  /** Absolute path of the CLI's folder. */
  readonly configDir: string;
}

/** What would send the CLI to another model or account. */
const ELSEWHERE =
  /^(?:ANTHROPIC_|CLAUDE_CODE_(?:USE|SKIP|OAUTH|API)_|CLAUDE_CODE_SUBAGENT_MODEL$|AWS_BEARER_TOKEN_BEDROCK$)/;

/** A proxy stays in use for what tools fetch, but the scripted model is reached without one. */
const LOOPBACK = "127.0.0.1,localhost";

/** The environment of a CLI that talks to the scripted model and to nothing else. */
export function demoEnvironment(
  env: Readonly<Record<string, string>>,
  { url, configDir }: DemoTarget,
): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => !ELSEWHERE.test(name));
  return {
    ...Object.fromEntries(kept),
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_API_KEY: "demo",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
    CLAUDE_CONFIG_DIR: configDir,
    // What the CLI puts into the system's temporary folder would outlive the demo.
    CLAUDE_CODE_TMPDIR: join(configDir, "tmp"),
    NO_PROXY: withLoopback(env["NO_PROXY"]),
    no_proxy: withLoopback(env["no_proxy"]),
  };
}

function withLoopback(hosts: string | undefined): string {
  return hosts === undefined || hosts.trim() === "" ? LOOPBACK : `${hosts},${LOOPBACK}`;
}
