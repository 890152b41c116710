import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import { isRefusal, messageOf } from "../errors.js";
import type { Kernel } from "../kernel/kernel.js";
import type { TurnInfo } from "../turns/types.js";
import type { ToolCall, Verdict } from "./types.js";

/** What the model is told where nobody answered for a call. */
const UNDECIDED = "This gateway's rules have no answer for this call, so it was not run.";

/** What the plugins say of a call. No answer, and one that broke, is deny. Never rejects. */
export async function verdictOf(
  kernel: Kernel,
  call: ToolCall,
  turn: TurnInfo,
  log: Logger,
): Promise<Verdict> {
  return (await answered(kernel, call, turn, log)) ?? { verdict: "deny", message: UNDECIDED };
}

/** Why a call that a person has allowed must not run all the same: a plugin denies it. Never rejects. */
export async function refusalOf(
  kernel: Kernel,
  call: ToolCall,
  turn: TurnInfo,
  log: Logger,
): Promise<string | undefined> {
  const verdict = await answered(kernel, call, turn, log);
  return verdict?.verdict === "deny" ? verdict.message : undefined;
}

async function answered(
  kernel: Kernel,
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

const VERDICTS: readonly unknown[] = ["allow", "ask", "deny"];

/** Throws where a plugin's answer is none: what only looks like "allow" must not let anything through. */
export function checkVerdict(answer: Verdict): Verdict {
  if (typeof answer !== "object" || answer === null || !VERDICTS.includes(answer.verdict)) {
    throw new Error('answered no verdict; it takes { verdict: "allow" | "ask" | "deny" } or nothing');
  }
  if (answer.verdict === "deny" && typeof answer.message !== "string") {
    throw new Error("denied without a message; the model needs one");
  }
  if (answer.verdict === "ask") checkTerms(answer);
  return answer;
}

/** Whether two calls are one and the same: the tool and its whole input. */
export function isSameCall(
  a: Pick<ToolCall, "tool" | "input">,
  b: Pick<ToolCall, "tool" | "input">,
): boolean {
  return a.tool === b.tool && isDeepStrictEqual(a.input, b.input);
}

function checkTerms(terms: Extract<Verdict, { verdict: "ask" }>): void {
  for (const name of ["liveWaitSecs", "expiresSecs", "maxHoldSecs"] as const) {
    const secs = terms[name];
    if (secs !== undefined && !(typeof secs === "number" && secs >= 0 && Number.isFinite(secs))) {
      throw new Error(`asked with ${name} ${JSON.stringify(secs)}; it takes a number of seconds`);
    }
  }
  const { deciders } = terms;
  if (
    deciders !== undefined &&
    !(Array.isArray(deciders) && deciders.every((one) => typeof one === "string"))
  ) {
    throw new Error("asked with deciders that are no list of names");
  }
}
