import { readdirSync, readFileSync } from "node:fs";
import { endedChildrenMs, ownMs } from "../cost/processor.js";

/** Processor time in ms: of a gateway, and of its children, those that run and those that have gone. */
export interface Times {
  readonly gatewayMs: number;
  readonly cliMs: number;
}

export function timesOf(pid: number): Times {
  const running = childrenOf(pid).reduce((sum, child) => sum + runningMs(child), 0);
  return { gatewayMs: ownMs(pid), cliMs: endedChildrenMs(pid) + running };
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" "))
    .filter(Boolean)
    .map(Number);
}

/** Of a child that may be gone by now: then its parent's count has it. */
function runningMs(pid: number): number {
  try {
    return ownMs(pid) + endedChildrenMs(pid);
  } catch {
    return 0;
  }
}
