import type { Links } from "./links.js";
import { baseOf, type Origin } from "./path-pattern.js";
import { Bounds } from "./protected.js";
import type { Rule } from "./ruleset.js";
import type { ProtectedPaths, ToolCall } from "./types.js";

/** Where a call is made, and what is known of the paths there. */
export interface Ground extends Origin {
  /** Where relative paths count from. */
  readonly cwd: string;
  readonly bounds: Bounds;
}

/** Looks at what every call is held against: what is protected, and where the rules' own paths lead. */
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
