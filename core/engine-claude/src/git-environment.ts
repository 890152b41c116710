/**
 * Git's environment whenever not every tool call is allowed to run. A folder is not a repository just because it looks
 * like one, no file system monitor is run, and reading a repository writes nothing into it, which would run a hook.
 * Variables that are already set are kept.
 */
export function withGuardedGit(env: Readonly<Record<string, string>>): Record<string, string> {
  const count = Number(env["GIT_CONFIG_COUNT"] ?? 0);
  const first = Number.isInteger(count) && count > 0 ? count : 0;
  const settings = SETTINGS.flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${first + at}`, key],
    [`GIT_CONFIG_VALUE_${first + at}`, value],
  ]);
  return {
    ...env,
    ...Object.fromEntries(settings),
    GIT_CONFIG_COUNT: String(first + SETTINGS.length),
    GIT_OPTIONAL_LOCKS: "0",
  };
}

const SETTINGS = [
  ["safe.bareRepository", "explicit"],
  ["core.fsmonitor", "false"],
] as const;
