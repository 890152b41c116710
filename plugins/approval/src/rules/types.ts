/** A tool call that Claude is about to make. */
export interface ToolCall {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** The turn's working directory, absolute. */
  readonly workdir: string;
  /** Where the CLI's shell stands at the moment, which relative paths count from; the workdir unless given. */
  readonly cwd?: string | undefined;
}

export type RuleVerdict = "allow" | "ask" | "deny";

/** What the rules say of a call. */
export interface Ruling {
  readonly verdict: RuleVerdict;
  /** The rule that decided, as `deny Bash(rm *)`; none where a default did. */
  readonly rule?: string;
  /** With "deny": what the model is told. */
  readonly message?: string;
}

/** What no rule can unlock. All paths absolute. */
export interface ProtectedPaths {
  /** The gateway's own: configuration file, data folder, log folder. */
  readonly own: readonly string[];
  /** The base folder of the workdirs. What is below it belongs to the session whose workdir it is. */
  readonly workdirs: string;
}

/** `maybe`: it cannot be ruled out, so a refusal makes the call at least asked, and an allowance does not count. */
export type Match = "yes" | "maybe" | "no";

/** The strongest of several. */
export function strongest(matches: Iterable<Match>): Match {
  let found: Match = "no";
  for (const match of matches) {
    if (match === "yes") return "yes";
    if (match === "maybe") found = "maybe";
  }
  return found;
}
