import type { Kernel } from "@claudeway/kernel";
import type { ApprovalMode } from "@claudeway/ports";

/** The approval mode, and the reason if it differs from the configured one. */
export interface ApprovalModeChoice {
  readonly approvalMode: ApprovalMode;
  /** One line for the banner. */
  readonly line: string;
}

/** Applies while a plugin taps `approve`; `--no-permissions-bypass` and the environment then have no effect. */
export const ASKING: ApprovalModeChoice = {
  approvalMode: "ask",
  line: "every tool call is decided by a plugin's rules, or by a person.",
};

/**
 * The current approval mode. Once a plugin has tapped `approve`, disabling it makes the mode "deny", so that calls
 * that required a decision never run without one.
 */
export function approvalModeNow(
  { approvalMode }: ApprovalModeChoice,
  kernel: Pick<Kernel, "approving">,
): ApprovalMode {
  if (kernel.approving === "now") return "ask";
  return kernel.approving === "before" ? "deny" : approvalMode;
}

/** The CLI itself refuses the bypass to root unless `IS_SANDBOX` is exactly 1. */
export function chooseApprovalMode(
  noBypass: boolean,
  env: NodeJS.ProcessEnv,
  uid = process.getuid?.(),
): ApprovalModeChoice {
  if (noBypass) {
    return { approvalMode: "deny", line: "a tool call that needs permission is denied and listed." };
  }
  if (uid === 0 && env["IS_SANDBOX"] !== "1") {
    return {
      approvalMode: "deny",
      line:
        "a tool call that needs permission is denied and listed, because Claude refuses the bypass to root. " +
        "Run as another user, or set IS_SANDBOX=1 in a container.",
    };
  }
  return {
    approvalMode: "bypass",
    line: "bypassed. Every tool call runs without asking (--no-permissions-bypass changes that).",
  };
}
