import { coversTool } from "./pattern.js";
import type { Rule } from "./ruleset.js";
import type { Match, RuleVerdict, Ruling } from "./types.js";

/** The tool call, or one command of it, that rules are compared with. */
export interface Question {
  readonly tool: string;
  readonly matchOf: (rule: Rule) => Match;
  /** The verdict if no rule matches. */
  readonly otherwise: RuleVerdict;
  /** Why no rule may allow it; undefined if the rules decide. */
  readonly doubtful?: boolean;
}

/** The first matching rule decides. An earlier deny or ask rule that might match turns `allow` into `ask`. */
export function firstMatch(rules: readonly Rule[], { tool, matchOf, otherwise, doubtful }: Question): Ruling {
  let doubt: Rule | undefined;
  for (const rule of rules) {
    const match = coversTool(rule.pattern, tool) ? matchOf(rule) : "no";
    if (match === "yes") return rule.verdict === "allow" ? allowed(rule, doubt, doubtful) : refused(rule);
    if (match === "maybe" && rule.verdict !== "allow") doubt ??= rule;
  }
  return otherwise === "allow" ? allowed(undefined, doubt, doubtful) : { verdict: otherwise };
}

function allowed(rule: Rule | undefined, doubt: Rule | undefined, doubtful = false): Ruling {
  const verdict = doubt !== undefined || doubtful ? "ask" : "allow";
  const name = doubt?.name ?? (doubtful ? undefined : rule?.name);
  return name === undefined ? { verdict } : { verdict, rule: name };
}

function refused({ name, verdict, pattern, message }: Rule): Ruling {
  if (verdict !== "deny") return { verdict, rule: name };
  return { verdict, rule: name, message: message ?? `The gateway's rules refuse ${pattern.text}.` };
}
