import type { Links } from "./links.js";
import { baseOf, type Origin } from "./path-pattern.js";
import { Bounds } from "./protected.js";
import type { Rule } from "./ruleset.js";
import type { ProtectedPaths, ToolCall } from "./types.js";

/** The location of a call, and what is known about its paths. */
export interface Ground extends Origin {
  /** The folder that relative paths are resolved against. */
  readonly cwd: string;
  readonly bounds: Bounds;
}

/** Collects what every call is compared with: protected places, and the real locations of the rules' paths. */
export async function groundOf(
  { workdir, cwd = workdir }: ToolCall,
  rules: readonly Rule[],
  guarded: ProtectedPaths,
  links: Links,
): Promise<Ground> {
  const bounds = await Bounds.of(workdir, guarded, links);
  const patterns = rules.flatMap(({ pattern: { scope } }) => (scope.kind === "path" ? [scope.path] : []));
  await links.follow(patterns.map((pattern) => baseOf(pattern, workdir)));
  return { workdir, cwd, links, bounds };
}
