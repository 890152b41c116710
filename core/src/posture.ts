import type { Posture } from "./engine/engine.js";
import type { Kernel } from "./kernel/kernel.js";

/** How tool calls are treated, and why, if that is not what was asked for. */
export interface PostureChoice {
  readonly posture: Posture;
  /** One plain line for the banner. */
  readonly line: string;
}

/** What `--no-permissions-bypass` and the rest say stands aside while a plugin has a say in tool calls. */
export const ASKING: PostureChoice = {
  posture: "ask",
  line: "every tool call is decided by a plugin's rules, or by a person whom it asks.",
};

/**
 * How tool calls are treated at the moment. A plugin that had a say and is off leaves the calls denied: what somebody
 * relied on being asked about never runs unasked.
 */
export function postureNow({ posture }: PostureChoice, kernel: Pick<Kernel, "approving">): Posture {
  if (kernel.approving === "now") return "ask";
  return kernel.approving === "before" ? "deny" : posture;
}

/** The CLI itself refuses the bypass to root unless `IS_SANDBOX` is exactly 1. */
export function choosePosture(
  noBypass: boolean,
  env: NodeJS.ProcessEnv,
  uid = process.getuid?.(),
): PostureChoice {
  if (noBypass) {
    return { posture: "deny", line: "a tool call that needs permission is denied and listed." };
  }
  if (uid === 0 && env["IS_SANDBOX"] !== "1") {
    return {
      posture: "deny",
      line:
        "a tool call that needs permission is denied and listed, because Claude refuses the bypass to root. " +
        "Run as another user, or set IS_SANDBOX=1 in a container.",
    };
  }
  return {
    posture: "bypass",
    line: "bypassed. Every tool call runs, unasked (--no-permissions-bypass changes that).",
  };
}
