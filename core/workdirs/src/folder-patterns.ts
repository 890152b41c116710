import { relative } from "node:path";
import { isWithin, locate } from "./located.js";

/** `*` and `**` alone have a meaning; dotted names are names like any other. */
const OPTIONS = { dot: true, nobrace: true, nobracket: true, noextglob: true, nonegate: true } as const;

/**
 * Whether a pattern of `[keys.<id>] workdirs` names a folder. `/srv/a` names that folder alone, `/srv/a/**` also all
 * below it, `/srv/*` what is right below `/srv`. Links in front of the first wildcard are followed.
 *
 * @param real absolute, with every link followed
 */
export async function matchesFolderPattern(real: string, pattern: string): Promise<boolean> {
  // Few configurations have patterns, so a start does without.
  const { default: picomatch } = await import("picomatch");
  const { base, glob } = picomatch.scan(pattern, OPTIONS);
  const { real: root } = await locate(base === "" ? "/" : base);
  if (!isWithin(real, root)) return false;
  const below = relative(root, real);
  if (below === "") return glob === "" || glob === "**";
  return glob !== "" && picomatch.isMatch(below, glob, OPTIONS);
}
