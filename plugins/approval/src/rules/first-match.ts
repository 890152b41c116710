import { coversTool } from "./pattern.js";
import type { Rule } from "./ruleset.js";
import type { Match, RuleVerdict, Ruling } from "./types.js";

/** What a tool call, or one command of it, is held against. */
export interface Question {
  readonly tool: string;
  readonly matchOf: (rule: Rule) => Match;
  /** Where no rule matches. */
  readonly otherwise: RuleVerdict;
  /** Why nothing may be allowed, whatever the rules say; undefined: the rules decide. */
  readonly doubtful?: boolean;
}

/** The first rule that matches decides. A refusal before it that cannot be ruled out turns `allow` into `ask`. */
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
