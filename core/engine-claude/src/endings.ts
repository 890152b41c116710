import { NO_USAGE } from "@claudeway/core/host";
import type { EngineResult } from "@claudeway/ports";
import type { ClaudeProcess, ProcessExit } from "./process.js";

/** How long an interrupted CLI may take to report its turn, in ms, before it is ended without a report. */
const INTERRUPT_GRACE_MS = 2500;
/**
 * An interrupt before the CLI has begun the turn is acknowledged but ignored, so it is repeated after this delay, in
 * ms.
 */
const INTERRUPT_EVERY_MS = 250;

/** Waits for the turn's report. When `stop` aborts, the CLI is interrupted, and ended if that doesn't help. */
export async function untilReported<Report>(
  child: ClaudeProcess,
  reported: Promise<Report>,
  stop: AbortSignal,
): Promise<Report> {
  let grace: NodeJS.Timeout | undefined;
  let again: NodeJS.Timeout | undefined;
  // A CLI that can't be interrupted any more is ended by the timer.
  const ask = () => void child.interrupt().catch(() => undefined);
  const interrupt = () => {
    grace = setTimeout(() => void child.end("now"), INTERRUPT_GRACE_MS);
    again = setInterval(ask, INTERRUPT_EVERY_MS);
    ask();
  };
  if (stop.aborted) interrupt();
  else stop.addEventListener("abort", interrupt, { once: true });
  try {
    return await reported;
  } finally {
    stop.removeEventListener("abort", interrupt);
    clearTimeout(grace);
    clearInterval(again);
  }
}

/** The result of a turn that was stopped before its process began. */
export const NEVER_STARTED: EngineResult = Object.freeze({
  end: "stopped",
  deferred: undefined,
  text: "",
  error: null,
  usage: NO_USAGE,
  denials: [],
  ran: [],
  exitCode: null,
  model: undefined,
});

/** The result of a turn whose conversation is gone: nothing was run. */
export const CONVERSATION_LOST: EngineResult = Object.freeze({
  ...NEVER_STARTED,
  end: "failed",
  error:
    "the conversation is lost: Claude's transcript of this session is gone; restart_conversation: true begins a new one",
  failure: { code: "CONVERSATION_LOST" },
});

/** The result of a turn whose conversation has an end that only another node has: nothing was run. */
export const CONVERSATION_INCOMPLETE: EngineResult = Object.freeze({
  ...NEVER_STARTED,
  end: "failed",
  error:
    "the end of the conversation is only on the node that had the session last, which could not store it; " +
    "restart_conversation: true goes on without it",
  failure: { code: "CONVERSATION_LOST" },
});

/** How a process ended, in words. */
export function describe(exit: ProcessExit): string {
  if (exit.signal !== null) return `signal ${exit.signal}`;
  return exit.code === null ? "it did not start" : `exit code ${exit.code}`;
}

export function lastLine(text: string): string {
  return text.slice(text.lastIndexOf("\n") + 1);
}
