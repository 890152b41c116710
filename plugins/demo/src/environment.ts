import { join } from "node:path";

/** The scripted model's URL and the CLI's folder. */
export interface DemoTarget {
  /** The scripted model's base URL. */
  readonly url: string;
  /** Absolute path of the CLI's folder. */
  readonly configDir: string;
}

/** Variables that would connect the CLI to another model or account. */
const ELSEWHERE =
  /^(?:ANTHROPIC_|CLAUDE_CODE_(?:USE|SKIP|OAUTH|API)_|CLAUDE_CODE_SUBAGENT_MODEL$|AWS_BEARER_TOKEN_BEDROCK$)/;

/** Tools still use a proxy, but the scripted model is reached without one. */
const LOOPBACK = "127.0.0.1,localhost";

/** The environment of a CLI that connects only to the scripted model. */
export function demoEnvironment(
  env: Readonly<Record<string, string>>,
  { url, configDir }: DemoTarget,
): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => !ELSEWHERE.test(name));
  return {
    ...Object.fromEntries(kept),
    ANTHROPIC_BASE_URL: url,
    // A subscription: only with one does the CLI read the limits that the scripted account reaches.
    CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-demo",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
    CLAUDE_CONFIG_DIR: configDir,
    // Files of the CLI in the system's temporary folder would outlive the demo.
    CLAUDE_CODE_TMPDIR: join(configDir, "tmp"),
    NO_PROXY: withLoopback(env["NO_PROXY"]),
    no_proxy: withLoopback(env["no_proxy"]),
  };
}

function withLoopback(hosts: string | undefined): string {
  return hosts === undefined || hosts.trim() === "" ? LOOPBACK : `${hosts},${LOOPBACK}`;
}
