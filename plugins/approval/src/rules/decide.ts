import { domainMatches, hostOf } from "./domain.js";
import { decideFileCall } from "./file-call.js";
import { firstMatch } from "./first-match.js";
import { globMatches } from "./glob.js";
import { type Ground, groundOf } from "./ground.js";
import { Links } from "./links.js";
import { mentionsIn, textsIn, trespassOf, trespassOfProse } from "./mentions.js";
import type { Rule } from "./ruleset.js";
import { decideShellCall } from "./shell-call.js";
import { type Reach, reachOf } from "./tools.js";
import type { Match, ProtectedPaths, Ruling, ToolCall } from "./types.js";

/** After this time, in ms, a call goes to a person: the gateway's other work must not wait for the rules. */
const DEADLINE_MS = 2_000;

/**
 * Decides a tool call. Protected places are refused before any rule. Then the first matching rule decides. Without a match,
 * reading in the workdir and calls without effect are allowed, and all others are asked. A call that cannot be decided
 * within `deadlineMs`, for example because a file system hangs, is asked too.
 */
export async function decide(
  call: ToolCall,
  rules: readonly Rule[],
  guarded: ProtectedPaths,
  deadlineMs = DEADLINE_MS,
): Promise<Ruling> {
  const links = new Links();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Ruling>((resolve) => {
    timer = setTimeout(resolve, deadlineMs, { verdict: "ask" });
  });
  try {
    return await Promise.race([decideInTime(call, rules, guarded, links), late]);
  } finally {
    clearTimeout(timer);
    links.close();
  }
}

async function decideInTime(
  call: ToolCall,
  rules: readonly Rule[],
  guarded: ProtectedPaths,
  links: Links,
): Promise<Ruling> {
  const ground = await groundOf(call, rules, guarded, links);
  const reach = reachOf(call);
  if (reach.kind === "read" || reach.kind === "write") return decideFileCall(call, reach, rules, ground);
  if (reach.kind === "shell") return decideShellCall(call, reach.command, rules, ground);
  return decideOtherCall(call, reach, rules, ground);
}

async function decideOtherCall(
  call: ToolCall,
  reach: Reach,
  rules: readonly Rule[],
  ground: Ground,
): Promise<Ruling> {
  const { tool, input } = call;
  const { bounds, cwd } = ground;
  const reaches = reach.kind !== "none";
  const { texts, whole } = reaches ? textsIn(input) : { texts: [], whole: true };
  const mentions = await mentionsIn(texts.flatMap(pathIn), [cwd], ground);
  const named = trespassOf(mentions, bounds);
  const prose = await trespassOfProse(
    texts.filter((text) => !isPath(text)),
    ground,
  );
  const doubtful = named.doubtful || prose.doubtful;
  const message =
    named.refusal ??
    prose.refusal ??
    texts.map((text) => bounds.refusalOfText(text)).find((found) => found !== undefined);
  if (message !== undefined) return { verdict: "deny", message };
  return firstMatch(rules, {
    tool,
    matchOf: (rule) => matchOf(rule, call, reach),
    otherwise: reaches ? "ask" : "allow",
    doubtful: doubtful || !whole,
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

/** The CLI accepts `/review`, and spaces around a name. It is case-sensitive, which does not matter here. */
function asTheCliReads(name: string): string {
  return name.trim().replace(/^\//, "").toLowerCase();
}

/** Whether a text is probably a path, a bare name, or a URL. Text with several words or lines is prose. */
function isPath(text: string): boolean {
  const isLine = (/^[~.]/.test(text) || text.includes("/")) && !text.includes("\n");
  return isLine || /^\S{1,255}$/.test(text) || isFileUrl(text);
}

function pathIn(text: string): string[] {
  // Reading a URL removes line breaks and `..` from it.
  if (isFileUrl(text) && URL.canParse(text)) return [text, new URL(text).pathname];
  return isPath(text) ? [text] : [];
}

function isFileUrl(text: string): boolean {
  return /^\s*file:/i.test(text);
}
