/** A tool call that Claude is about to make. */
export interface ToolCall {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** The turn's working directory, absolute. */
  readonly workdir: string;
  /** The current directory of the CLI's shell, to which paths are relative; the workdir by default. */
  readonly cwd?: string | undefined;
}

export type RuleVerdict = "allow" | "ask" | "deny";

/** The rules' decision on a call. */
export interface Ruling {
  readonly verdict: RuleVerdict;
  /** The rule that decided, such as `deny Bash(rm *)`; none if a default did. */
  readonly rule?: string;
  /** With "deny": the reason for the model. */
  readonly message?: string;
}

/** Places that no rule can unlock. All paths are absolute. */
export interface ProtectedPaths {
  /** The gateway's configuration file, data folder and log folder. */
  readonly own: readonly string[];
  /** The base folder of the workdirs. Each folder below it belongs to the session that works in it. */
  readonly workdirs: string;
}

/** `maybe`: a match cannot be ruled out, so a deny rule makes the call asked, and an allow rule does not apply. */
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
