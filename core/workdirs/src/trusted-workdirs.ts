import { matchesFolderPattern } from "./folder-patterns.js";
import { locate } from "./located.js";

/**
 * Where a process must be started for the settings of its working directory to load: the directory with every link
 * followed, so that none of them can be replaced after this check. Undefined if `[engine] trusted_workdirs` does not name
 * it, or one of the folders beside it, whose skills would load too.
 *
 * @param patterns as of `[keys.<id>] workdirs`
 */
export async function trustedFolder(
  workdir: string,
  besides: readonly string[],
  patterns: readonly string[],
): Promise<string | undefined> {
  if (patterns.length === 0) return undefined;
  for (const folder of besides) if (!(await isNamed(await realOf(folder), patterns))) return undefined;
  const real = await realOf(workdir);
  return (await isNamed(real, patterns)) ? real : undefined;
}

/** Undefined where a link leads nowhere. */
async function realOf(path: string): Promise<string | undefined> {
  const { real, state } = await locate(path);
  return state === "there" ? real : undefined;
}

async function isNamed(real: string | undefined, patterns: readonly string[]): Promise<boolean> {
  if (real === undefined) return false;
  for (const pattern of patterns) if (await matchesFolderPattern(real, pattern)) return true;
  return false;
}
