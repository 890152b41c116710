import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import { isRefusal, messageOf } from "../errors.js";
import type { Hooks } from "../kernel/hooks.js";
import type { ToolCall, Verdict } from "../ports/approvals.js";
import type { TurnInfo } from "../ports/turns.js";

/** What the model is told where nobody answered for a call. */
const UNDECIDED = "This gateway's rules have no answer for this call, so it was not run.";

/** Where the hooks are as they are at the moment. */
interface DecidingKernel {
  readonly hooks: Pick<Hooks, "approve">;
}

/** What the plugins say of a call. No answer, and one that broke, is deny. Never rejects. */
export async function verdictOf(
  kernel: DecidingKernel,
  call: ToolCall,
  turn: TurnInfo,
  log: Logger,
): Promise<Verdict> {
  return (await answered(kernel, call, turn, log)) ?? { verdict: "deny", message: UNDECIDED };
}

/** Why a call that a person has allowed must not run all the same: a plugin denies it. Never rejects. */
export async function refusalOf(
  kernel: DecidingKernel,
  call: ToolCall,
  turn: TurnInfo,
  log: Logger,
): Promise<string | undefined> {
  const verdict = await answered(kernel, call, turn, log);
  return verdict?.verdict === "deny" ? verdict.message : undefined;
}

async function answered(
  kernel: DecidingKernel,
  call: ToolCall,
  turn: TurnInfo,
  log: Logger,
): Promise<Verdict | undefined> {
  try {
    return await kernel.hooks.approve.promise(call, turn);
  } catch (error) {
    if (isRefusal(error)) return { verdict: "deny", message: error.reason };
    log.error(
      { err: error, turn_id: turn.id, tool: call.tool },
      `a tool call is denied: ${messageOf(error)}`,
    );
    return { verdict: "deny", message: UNDECIDED };
  }
}

/** Whether two calls are one and the same: the tool and its whole input. */
export function isSameCall(
  a: Pick<ToolCall, "tool" | "input">,
  b: Pick<ToolCall, "tool" | "input">,
): boolean {
  return a.tool === b.tool && isDeepStrictEqual(a.input, b.input);
}
