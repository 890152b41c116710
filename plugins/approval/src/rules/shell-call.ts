import { mayRunRepositoryCode } from "@claudeway/core";
import { firstMatch } from "./first-match.js";
import type { Ground } from "./ground.js";
import { foldersOf, isLooseUrl, mentionsIn, trespassOf } from "./mentions.js";
import { namesAtAll } from "./path-pattern.js";
import type { Place } from "./paths.js";
import type { Rule } from "./ruleset.js";
import { allowCovers, refusalMeans } from "./shell/refusal.js";
import { NOTHING, readScript, type Script, type SimpleCommand } from "./shell/script.js";
import type { Match, Ruling, ToolCall } from "./types.js";

/** Fields of the Bash tool that do not affect what runs, or that are checked here. */
const HARMLESS_FIELDS: readonly string[] = ["command", "description", "timeout", "timeout_ms"];

/** Other known fields. An unknown field of a newer CLI may change what runs. */
const KNOWN_FIELDS: readonly string[] = [
  ...HARMLESS_FIELDS,
  "run_in_background",
  "dangerouslyDisableSandbox",
];

/**
 * Decides a call that runs a shell command. The rules apply to each simple command in it. One denied command denies the call,
 * one asked command makes the call asked, and the call is allowed only if all commands are.
 */
export async function decideShellCall(
  call: ToolCall,
  command: string | undefined,
  rules: readonly Rule[],
  ground: Ground,
): Promise<Ruling> {
  if (command === undefined) return firstMatch(rules, unreadable(call));
  const script = readScript(command);
  const folders = foldersOf(
    script.commands.map(({ values }) => values),
    ground.cwd,
  );
  const { bounds } = ground;
  const mentions = await mentionsIn(script.words, folders, ground);
  const { refusal = bounds.refusalOfText(command), doubtful } = trespassOf(mentions, bounds);
  if (refusal !== undefined) return { verdict: "deny", message: refusal };
  const isPlain = isPlainCall(script, call);
  const commands = script.commands.length > 0 ? script.commands : [NOTHING];
  const rulings = commands.map((one) => {
    const unread = script.opaque || (one.unread && !(isPlain && rules.some((rule) => namesWhole(rule, one))));
    return firstMatch(rules, {
      tool: call.tool,
      matchOf: (rule) => matchOf(rule, one, unread, isPlain, call.tool),
      // A nested command is run by a command that is decided itself, and allowed only if a rule names all of it.
      otherwise: one.nested ? "allow" : "ask",
      doubtful: doubtful || isUnusual(call.input) || script.words.some(isLooseUrl),
    });
  });
  const ruling = strictest(rulings);
  if (ruling.verdict !== "allow") return ruling;
  // Programs named in the repository's settings would run too, and no rule has allowed those.
  if (await mayRunRepositoryCode(command, ground.cwd)) return { verdict: "ask" };
  return touchesRefused(mentions.places, rules, ground) ?? ruling;
}

function unreadable({ tool }: ToolCall): Parameters<typeof firstMatch>[1] {
  return {
    tool,
    matchOf: ({ pattern }) => (pattern.scope.kind === "all" ? "yes" : "maybe"),
    otherwise: "ask",
    doubtful: true,
  };
}

/** @param unread whether the command may run more than is visible */
function matchOf(
  { verdict, pattern }: Rule,
  command: SimpleCommand,
  unread: boolean,
  isPlain: boolean,
  tool: string,
): Match {
  const { scope } = pattern;
  // A deny or ask rule for Bash also applies to other tools that run commands; an allow rule applies only to Bash.
  if (verdict === "allow" && pattern.tool !== tool) return "no";
  if (scope.kind !== "shell") return "yes";
  if (verdict === "allow") return isPlain && allowCovers(scope.shell, command) ? "yes" : "no";
  const match = refusalMeans(scope.shell, command);
  return match === "no" && unread ? "maybe" : match;
}

/** Whether a rule allows exactly this command, so that its author has read all of it. */
function namesWhole({ verdict, pattern: { scope } }: Rule, command: SimpleCommand): boolean {
  return (
    verdict === "allow" && scope.kind === "shell" && scope.shell.literal && allowCovers(scope.shell, command)
  );
}

function isUnusual(input: ToolCall["input"]): boolean {
  return (
    input["dangerouslyDisableSandbox"] === true ||
    Object.keys(input).some((field) => !KNOWN_FIELDS.includes(field) && input[field] !== false)
  );
}

function isPlainCall({ plain }: Script, { input }: ToolCall): boolean {
  const isSet = ([field, value]: [string, unknown]) => !HARMLESS_FIELDS.includes(field) && value !== false;
  return plain && !Object.entries(input).some(isSet);
}

function strictest(rulings: readonly Ruling[]): Ruling {
  const found = (verdict: Ruling["verdict"]) => rulings.find((ruling) => ruling.verdict === verdict);
  return found("deny") ?? found("ask") ?? found("allow") ?? { verdict: "ask" };
}

/** A command that names a file that a rule denies to the file tools is asked, whatever rule allows the command. */
function touchesRefused(
  places: readonly Place[],
  rules: readonly Rule[],
  ground: Ground,
): Ruling | undefined {
  const refusals = rules.filter(({ verdict }) => verdict !== "allow");
  for (const { name, pattern } of refusals) {
    const { scope } = pattern;
    if (scope.kind !== "path") continue;
    const isNamed = (place: Place) => namesAtAll(scope.path, place, ground, false) === "yes";
    if (places.some(isNamed)) return { verdict: "ask", rule: name };
  }
  return undefined;
}
