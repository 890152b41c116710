import { homedir } from "node:os";
import { join, normalize, sep } from "node:path";
import { runNamesIn } from "@claudeway/core";
import { type Glob, globMatches, hasWildcard, toGlob } from "./glob.js";
import { isWithin, type Links } from "./links.js";
import type { Place } from "./paths.js";
import type { Match } from "./types.js";

/** A path with wildcards, taken apart: a folder without any, then one glob a segment; `**` is any number of them. */
export interface PathPattern {
  /** Absolute, or undefined: counts from the workdir. */
  readonly root: string | undefined;
  /** The literal folders below the root. */
  readonly base: readonly string[];
  readonly globs: readonly (Glob | "**")[];
}

/** What relative patterns count from, and where their folders lead. */
export interface Origin {
  readonly workdir: string;
  readonly links: Links;
}

const UNKNOWN = /[?[\]{}!\\]/;

/** Reads a pattern; throws an Error that says what is wrong with it. */
export function parsePathPattern(text: string): PathPattern {
  const unknown = UNKNOWN.exec(text);
  if (unknown) throw new Error(`${unknown[0]} has no meaning in a path pattern; it takes * and **`);
  const { root, rest } = anchor(text);
  const segments = rest.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) throw new Error("a path pattern takes no ..");
  if (segments.some((segment) => segment.includes("**") && segment !== "**")) {
    throw new Error("** stands for whole folders: it has a segment to itself");
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
  if (text.startsWith("~")) throw new Error("~ stands for the gateway's own home folder only: ~/…");
  // As in .gitignore: a bare name counts wherever it turns up.
  return { root: undefined, rest: text.replace(/\/$/, "").includes("/") ? text : `**/${text}` };
}

/**
 * Whether the place is surely among those that the pattern names: the real one counts, the pattern's own links
 * followed too. With `tree`, all below the place has to be.
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
 * Whether a wildcard alone leads to something that others run: `Edit(./**)` is not meant for `.git/hooks`, since what
 * stands there runs with the next `git status` that a rule allows.
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

/** Whether the pattern names the place by any of its names, or a folder that it is in; `maybe`: something in it. */
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

/** The folder that a pattern's wildcards count from, for `Links` to follow. */
export function baseOf({ root, base }: PathPattern, workdir: string): string {
  return normalize(join(root ?? workdir, ...base));
}

function below(path: string, base: string): string[] {
  return path.slice(base.length).split(sep).filter(Boolean);
}

// There, two spellings can be one file. A refusal may err on that side; an allowance never does.
function folded(path: string): string {
  return process.platform === "darwin" ? path.toLowerCase() : path;
}

function reachesDown(glob: Glob | "**"): boolean {
  return glob === "**" || hasWildcard(glob);
}

/** Linear in both, whatever the pattern. */
function segmentsMatch(
  globs: PathPattern["globs"],
  segments: readonly string[],
  what: "the whole" | "or a folder around it" = "the whole",
): boolean {
  // Places in the pattern that can be reached by what was read so far.
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
