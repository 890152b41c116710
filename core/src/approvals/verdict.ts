import { isDeepStrictEqual } from "node:util";
import type { Hooks } from "@claudeway/kernel";
import { isRefusal, messageOf, type ToolCall, type TurnInfo, type Verdict } from "@claudeway/ports";
import type { Logger } from "pino";

/** The message for the model if no plugin answered for a call. */
const UNDECIDED = "This gateway's rules have no answer for this call, so it was not run.";

/** A call that plugins decide, and what gives their current hooks. */
type Asked = [
  kernel: { readonly hooks: Pick<Hooks, "approve"> },
  call: ToolCall,
  turn: TurnInfo,
  log: Logger,
];

/** The plugins' verdict on a call. No answer, or a tap that fails, is a deny. Never rejects. */
export async function verdictOf(...asked: Asked): Promise<Verdict> {
  return (await answered(...asked)) ?? { verdict: "deny", message: UNDECIDED };
}

/** The reason if a plugin denies a call that a person has allowed; undefined if it may run. Never rejects. */
export async function refusalOf(...asked: Asked): Promise<string | undefined> {
  const verdict = await answered(...asked);
  return verdict?.verdict === "deny" ? verdict.message : undefined;
}

/** The same where no answer is a deny too. Never rejects. */
export async function denialOf(...asked: Asked): Promise<string | undefined> {
  const verdict = await verdictOf(...asked);
  return verdict.verdict === "deny" ? verdict.message : undefined;
}

async function answered(...[kernel, call, turn, log]: Asked): Promise<Verdict | undefined> {
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

/** Whether two calls have the same tool and the same input. */
export function isSameCall(
  a: Pick<ToolCall, "tool" | "input">,
  b: Pick<ToolCall, "tool" | "input">,
): boolean {
  return a.tool === b.tool && isDeepStrictEqual(a.input, b.input);
}
