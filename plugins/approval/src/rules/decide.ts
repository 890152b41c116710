import { domainMatches, hostOf } from "./domain.js";
import { decideFileCall } from "./file-call.js";
import { firstMatch } from "./first-match.js";
import { globMatches } from "./glob.js";
import { mentionsIn, textsIn } from "./mentions.js";
import { Bounds } from "./protected.js";
import type { Rule } from "./ruleset.js";
import { decideShellCall } from "./shell-call.js";
import { type Reach, reachOf } from "./tools.js";
import type { Match, ProtectedPaths, Ruling, ToolCall } from "./types.js";

/**
 * Says at once what the rules make of a tool call. What is protected is refused before any rule; then the first rule
 * that matches decides; where none does, reading in the workdir and what has no effect is allowed, and the rest asked.
 */
export function decide(call: ToolCall, rules: readonly Rule[], guarded: ProtectedPaths): Ruling {
  const reach = reachOf(call);
  if (reach.kind === "read" || reach.kind === "write") return decideFileCall(call, reach, rules, guarded);
  if (reach.kind === "shell") return decideShellCall(call, reach.command, rules, guarded);
  return decideOtherCall(call, reach, rules, guarded);
}

function decideOtherCall(
  call: ToolCall,
  reach: Reach,
  rules: readonly Rule[],
  guarded: ProtectedPaths,
): Ruling {
  const { tool, workdir, cwd = workdir, input } = call;
  const reaches = reach.kind !== "none";
  const texts = reaches ? textsIn(input) : [];
  const paths = texts.flatMap(pathIn);
  const bounds = new Bounds(workdir, guarded);
  const { refusal, doubtful } = mentionsIn(paths, [cwd], bounds);
  const message =
    refusal ?? texts.map((text) => bounds.refusalOfText(text)).find((found) => found !== undefined);
  if (message !== undefined) return { verdict: "deny", message };
  return firstMatch(rules, {
    tool,
    matchOf: (rule) => matchOf(rule, call, reach),
    otherwise: reaches ? "ask" : "allow",
    doubtful,
  });
}

function matchOf({ pattern: { scope } }: Rule, { tool, input }: ToolCall, reach: Reach): Match {
  switch (scope.kind) {
    case "server":
      return globMatches(scope.names, tool) ? "yes" : "no";
    case "domain": {
      const host = reach.kind === "fetch" && reach.url !== undefined ? hostOf(reach.url) : undefined;
      if (host === undefined) return "maybe";
      return domainMatches(scope.domain, host) ? "yes" : "no";
    }
    case "field": {
      const value = input[scope.field];
      if (typeof value !== "string") return "maybe";
      if (value === scope.value) return "yes";
      return asTheCliReads(value) === asTheCliReads(scope.value) ? "maybe" : "no";
    }
    default:
      return "yes";
  }
}

/** The CLI takes `/review`, and spaces around a name. Its letter case counts, but here nothing hangs on that. */
function asTheCliReads(name: string): string {
  return name.trim().replace(/^\//, "").toLowerCase();
}

/** A text that is a path, or a URL of one. */
function pathIn(text: string): string[] {
  if (/^[~./][^\n]*$/.test(text)) return [text];
  return /^file:/i.test(text) && URL.canParse(text) ? [decoded(new URL(text).pathname)] : [];
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
