/** Variables that every program needs. */
const EVERYDAY =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|TERM|COLORTERM|TZ|LANG|LC_\w+|SSL_CERT_(?:FILE|DIR)|(?:https?|all|no)_proxy)$/i;
/** Those of the CLI's settings and accounts, and of git's settings. */
const CLAUDE =
  /^(?:(?:ANTHROPIC|CLAUDE|DISABLE|ENABLE|GIT_CONFIG|GIT_OPTIONAL)_\w+|API_TIMEOUT_MS|MAX_(?:THINKING|MCP_OUTPUT)_TOKENS|BASH_(?:DEFAULT|MAX)_\w+|MCP_(?:TOOL_)?TIMEOUT|NODE_EXTRA_CA_CERTS|IS_SANDBOX)$/;
/** Those of cloud providers, where the CLI uses one. */
const CLOUDS = [
  { used: "CLAUDE_CODE_USE_BEDROCK", names: /^AWS_/ },
  { used: "CLAUDE_CODE_USE_VERTEX", names: /^(?:GOOGLE|CLOUD_ML|VERTEX)_/ },
];
/** Folders that are outside of the sandbox: inside, these are below /tmp. */
const PLACES = ["TMPDIR", "CLAUDE_CODE_TMPDIR", "XDG_RUNTIME_DIR"];

/**
 * The environment in the sandbox: what plugins and `[keys.<id>.env]` set, and of the gateway's own environment the
 * variables that the CLI needs.
 *
 * @param inherited the gateway's own environment
 * @param passed names of further variables
 */
export function sandboxEnvironment(
  env: Readonly<Record<string, string>>,
  inherited: NodeJS.ProcessEnv,
  passed: readonly string[],
): Record<string, string> {
  const patterns = [EVERYDAY, CLAUDE, ...CLOUDS.flatMap(({ used, names }) => (env[used] ? [names] : []))];
  const isKept = (name: string, value: string) =>
    value !== inherited[name] || passed.includes(name) || patterns.some((pattern) => pattern.test(name));
  const kept = Object.entries(env).filter(
    ([name, value]) => isKept(name, value) && (!PLACES.includes(name) || passed.includes(name)),
  );
  return Object.fromEntries(kept);
}
