import { firstMatch } from "./first-match.js";
import { namesAtAll, stumblesOnRunFiles, surelyNames } from "./path-pattern.js";
import { isWithin, type Place, placeOf, realPath } from "./paths.js";
import { Bounds } from "./protected.js";
import type { Rule } from "./ruleset.js";
import type { Reach } from "./tools.js";
import type { Match, ProtectedPaths, Ruling, ToolCall } from "./types.js";

type FileReach = Extract<Reach, { kind: "read" | "write" }>;

/** Decides a call that reads or changes files. Reading in the workdir is allowed unless a rule says otherwise. */
export function decideFileCall(
  call: ToolCall,
  reach: FileReach,
  rules: readonly Rule[],
  guarded: ProtectedPaths,
): Ruling {
  const { tool, workdir, cwd = workdir } = call;
  const place = reach.path === undefined ? undefined : placeOf(reach.path, cwd);
  const message = place && refusalOf(place, reach, new Bounds(workdir, guarded));
  if (message !== undefined) return { verdict: "deny", message };
  return firstMatch(rules, {
    tool,
    matchOf: (rule) => matchOf(rule, place, reach, workdir),
    otherwise: reach.kind === "read" && place !== undefined && isInside(place, workdir) ? "allow" : "ask",
    doubtful: place === undefined,
  });
}

function refusalOf(place: Place, { tree }: FileReach, bounds: Bounds): string | undefined {
  return bounds.refusalOf(place) ?? (tree === "file" ? undefined : bounds.refusalOfTree(place));
}

function matchOf(
  { verdict, pattern }: Rule,
  place: Place | undefined,
  reach: FileReach,
  workdir: string,
): Match {
  const { scope } = pattern;
  if (scope.kind !== "path") return "yes";
  if (place === undefined) return "maybe";
  if (verdict !== "allow") return namesAtAll(scope.path, place, workdir, reach.tree === "contents");
  if (reach.kind === "write" && stumblesOnRunFiles(scope.path, place, workdir)) return "no";
  return surelyNames(scope.path, place, workdir, reach.tree !== "file") ? "yes" : "no";
}

function isInside({ real }: Place, workdir: string): boolean {
  const home = realPath(workdir);
  return home !== undefined && isWithin(real, home);
}
