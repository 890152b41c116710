import { type Pattern, parsePattern, tooWideToAllow } from "./pattern.js";
import type { RuleVerdict } from "./types.js";

/** A rule of the configuration: one of the three verdicts, and with `deny` an optional message for the model. */
export interface RuleConfig {
  readonly allow?: string;
  readonly ask?: string;
  readonly deny?: string;
  readonly message?: string;
}

/** A validated rule. */
export interface Rule {
  /** Its display name: `deny Bash(rm *)`. */
  readonly name: string;
  readonly verdict: RuleVerdict;
  readonly pattern: Pattern;
  readonly message: string | undefined;
}

/** Validates the rules. Throws a one-line Error that names the first invalid rule and what is allowed. */
export function compileRules(rules: readonly RuleConfig[]): readonly Rule[] {
  return rules.map((rule, index) => {
    try {
      return compileRule(rule);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`rules: number ${index + 1}, ${JSON.stringify(rule)}: ${reason}`, { cause: error });
    }
  });
}

function compileRule({ allow, ask, deny, message }: RuleConfig): Rule {
  const given = Object.entries({ allow, ask, deny }).filter(([, pattern]) => pattern !== undefined);
  if (given.length !== 1) throw new Error("a rule must have exactly one of allow, ask and deny");
  if (message !== undefined && deny === undefined) throw new Error("message is allowed only with deny");
  const verdict = allow !== undefined ? "allow" : ask !== undefined ? "ask" : "deny";
  const pattern = parsePattern(allow ?? ask ?? deny ?? "");
  const tooWide = verdict === "allow" ? tooWideToAllow(pattern) : undefined;
  if (tooWide !== undefined) throw new Error(tooWide);
  return { name: `${verdict} ${pattern.text}`, verdict, pattern, message };
}
