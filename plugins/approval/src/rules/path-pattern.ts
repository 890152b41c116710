import { homedir } from "node:os";
import { join, normalize, sep } from "node:path";
import { runNamesIn } from "@claudeway/core";
import { type Glob, globMatches, hasWildcard, toGlob } from "./glob.js";
import { isWithin, type Links } from "./links.js";
import type { Place } from "./paths.js";
import type { Match } from "./types.js";

/** A parsed path pattern: a literal folder, then one glob per segment; `**` matches any number of segments. */
export interface PathPattern {
  /** Absolute; undefined if relative to the workdir. */
  readonly root: string | undefined;
  /** The literal folders below the root. */
  readonly base: readonly string[];
  readonly globs: readonly (Glob | "**")[];
}

/** The base of relative patterns, and the real locations of their folders. */
export interface Origin {
  readonly workdir: string;
  readonly links: Links;
}

const UNKNOWN = /[?[\]{}!\\]/;

/** Parses a pattern. Throws an Error that explains what is wrong. */
export function parsePathPattern(text: string): PathPattern {
  const unknown = UNKNOWN.exec(text);
  if (unknown) throw new Error(`a path pattern must use no wildcards but * and **, got ${unknown[0]}`);
  const { root, rest } = anchor(text);
  const segments = rest.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) throw new Error("a path pattern must not contain ..");
  if (segments.some((segment) => segment.includes("**") && segment !== "**")) {
    throw new Error("** must be a whole segment of the path");
  }
  const wild = segments.findIndex((segment) => segment.includes("*"));
  const split = wild === -1 ? segments.length : wild;
  return {
    root,
    base: segments.slice(0, split),
    globs: segments.slice(split).map((segment) => (segment === "**" ? "**" : toGlob(segment))),
  };
}

function anchor(text: string): { root: string | undefined; rest: string } {
  if (text.startsWith("/")) return { root: sep, rest: text };
  if (text === "~" || text.startsWith("~/")) return { root: homedir(), rest: text.slice(1) };
  if (text.startsWith("~"))
    throw new Error("~ must be followed by /; only the gateway's own home folder is supported: ~/…");
  // As in .gitignore: a bare name matches at any depth.
  return { root: undefined, rest: text.replace(/\/$/, "").includes("/") ? text : `**/${text}` };
}

/**
 * Whether the pattern certainly matches the real place, with the pattern's own links resolved. With `tree`, it must match
 * everything below the place.
 */
export function surelyNames(
  pattern: PathPattern,
  { real }: Place,
  { workdir, links }: Origin,
  tree: boolean,
): boolean {
  const base = links.real(baseOf(pattern, workdir));
  if (base === undefined) return false;
  if (tree && pattern.globs.at(-1) !== "**") return false;
  return isWithin(real, base) && segmentsMatch(pattern.globs, below(real, base));
}

/**
 * Whether only a wildcard leads to a file that tools run: `Edit(./**)` must not match `.git/hooks`, because such a hook runs
 * with the next `git status` that a rule allows.
 */
export function stumblesOnRunFiles(
  pattern: PathPattern,
  { real }: Place,
  { workdir, links }: Origin,
): boolean {
  const base = links.real(baseOf(pattern, workdir));
  if (base === undefined) return true;
  const named = pattern.globs.map((glob) => (glob === "**" || hasWildcard(glob) ? "" : (glob[0] ?? "")));
  return runNamesIn(below(real, base)).some((name) => !named.includes(name));
}

/** Whether the pattern matches any name of the place, or a folder around it; `maybe` if it matches something inside. */
export function namesAtAll(
  pattern: PathPattern,
  place: Place,
  { workdir, links }: Origin,
  tree: boolean,
): Match {
  const written = baseOf(pattern, workdir);
  const bases = [written, links.real(written)].filter((base) => base !== undefined).map(folded);
  const paths = [place.written, place.real].map(folded);
  const globs = pattern.globs.map((glob) => (glob === "**" ? glob : glob.map(folded)));
  let found: Match = "no";
  for (const base of bases) {
    for (const path of paths) {
      if (isWithin(path, base) && segmentsMatch(globs, below(path, base), "or a folder around it"))
        return "yes";
      const overlaps = isWithin(base, path) || (isWithin(path, base) && globs.some(reachesDown));
      if (tree && overlaps) found = "maybe";
    }
  }
  return found;
}

/** The folder before a pattern's wildcards, for `Links` to resolve. */
export function baseOf({ root, base }: PathPattern, workdir: string): string {
  return normalize(join(root ?? workdir, ...base));
}

function below(path: string, base: string): string[] {
  return path.slice(base.length).split(sep).filter(Boolean);
}

// There, two spellings can be the same file. A refusal may match too much; an allowance must not.
function folded(path: string): string {
  return process.platform === "darwin" ? path.toLowerCase() : path;
}

function reachesDown(glob: Glob | "**"): boolean {
  return glob === "**" || hasWildcard(glob);
}

/** Linear in both, for any pattern. */
function segmentsMatch(
  globs: PathPattern["globs"],
  segments: readonly string[],
  what: "the whole" | "or a folder around it" = "the whole",
): boolean {
  // Positions in the pattern that are reachable so far.
  let reached = spread(new Set([0]), globs);
  for (const segment of segments) {
    if (what !== "the whole" && reached.has(globs.length)) return true;
    const next = new Set<number>();
    for (const at of reached) {
      const glob = globs[at];
      if (glob === "**") next.add(at);
      else if (glob !== undefined && globMatches(glob, segment)) next.add(at + 1);
    }
    reached = spread(next, globs);
  }
  return reached.has(globs.length);
}

function spread(places: ReadonlySet<number>, globs: PathPattern["globs"]): Set<number> {
  const all = new Set(places);
  for (const at of all) if (globs[at] === "**") all.add(at + 1);
  return all;
}
