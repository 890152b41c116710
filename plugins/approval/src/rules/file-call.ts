import { lstat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { firstMatch } from "./first-match.js";
import type { Ground } from "./ground.js";
import { isWithin } from "./links.js";
import { namesAtAll, stumblesOnRunFiles, surelyNames } from "./path-pattern.js";
import { type Place, placeOf, readingsOf } from "./paths.js";
import type { Rule } from "./ruleset.js";
import type { Reach } from "./tools.js";
import type { Match, Ruling, ToolCall } from "./types.js";

type FileReach = Extract<Reach, { kind: "read" | "write" }>;

/** Decides a call that reads or changes files. Reading in the workdir is allowed unless a rule says otherwise. */
export async function decideFileCall(
  { tool }: ToolCall,
  reach: FileReach,
  rules: readonly Rule[],
  ground: Ground,
): Promise<Ruling> {
  const place = await findPlace(reach, ground);
  const makesRepository =
    reach.kind === "write" && place !== undefined && (await completesRepository(place.real));
  const message = place && refusalOf(place, reach, ground);
  if (message !== undefined) return { verdict: "deny", message };
  return firstMatch(rules, {
    tool,
    matchOf: (rule) => matchOf(rule, place, reach, ground),
    otherwise: reach.kind === "read" && place !== undefined && isInside(place, ground) ? "allow" : "ask",
    doubtful: place === undefined || makesRepository,
  });
}

async function findPlace({ path }: FileReach, { cwd, links }: Ground): Promise<Place | undefined> {
  if (path === undefined) return undefined;
  await links.follow(readingsOf(path, cwd));
  return placeOf(path, cwd, links);
}

/**
 * Whether a file belongs to a folder that is a bare repository, or would become one with it: settings, objects and
 * references. `HEAD` itself is in the list of files that tools run.
 */
async function completesRepository(path: string): Promise<boolean> {
  const folders = [dirname(path)];
  for (const name of ["objects", "refs"]) {
    const at = path.lastIndexOf(`${sep}${name}${sep}`);
    if (at !== -1) folders.push(path.slice(0, at));
  }
  const isPart =
    folders.length > 1 || ["config", "commondir", "config.worktree"].includes(basename(path).toLowerCase());
  if (!isPart) return false;
  const heads = await Promise.all(
    folders.map((folder) =>
      lstat(join(folder, "HEAD")).then(
        () => true,
        () => false,
      ),
    ),
  );
  return heads.includes(true);
}

function refusalOf(place: Place, { tree }: FileReach, { bounds }: Ground): string | undefined {
  return bounds.refusalOf(place) ?? (tree === "file" ? undefined : bounds.refusalOfTree(place));
}

function matchOf(
  { verdict, pattern }: Rule,
  place: Place | undefined,
  reach: FileReach,
  ground: Ground,
): Match {
  const { scope } = pattern;
  if (scope.kind !== "path") return "yes";
  if (place === undefined) return "maybe";
  if (verdict !== "allow") return namesAtAll(scope.path, place, ground, reach.tree === "contents");
  if (reach.kind === "write" && stumblesOnRunFiles(scope.path, place, ground)) return "no";
  return surelyNames(scope.path, place, ground, reach.tree !== "file") ? "yes" : "no";
}

function isInside({ real }: Place, { workdir, links }: Ground): boolean {
  const home = links.real(workdir);
  return home !== undefined && isWithin(real, home);
}
