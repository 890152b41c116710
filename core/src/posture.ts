import type { Posture } from "./engine/options.js";

/** How tool calls are treated, and why, if that is not what was asked for. */
export interface PostureChoice {
  readonly posture: Posture;
  /** One plain line for the banner. */
  readonly line: string;
}

/** The CLI itself refuses the bypass to root unless `IS_SANDBOX` is exactly 1. */
export function choosePosture(
  noBypass: boolean,
  env: NodeJS.ProcessEnv,
  uid = process.getuid?.(),
): PostureChoice {
  if (noBypass) {
    return { posture: "deny", line: "Permissions: a tool call that needs permission is denied and listed." };
  }
  if (uid === 0 && env["IS_SANDBOX"] !== "1") {
    return {
      posture: "deny",
      line:
        "Permissions: a tool call that needs permission is denied and listed, because Claude refuses the bypass to root. " +
        "Run as another user, or set IS_SANDBOX=1 in a container.",
    };
  }
  return {
    posture: "bypass",
    line: "Permissions: bypassed. Every tool call runs, unasked (--no-permissions-bypass changes that).",
  };
}
