import type { TurnHandle, TurnResponse } from "@claudeway/core";
import { noteOf } from "./progress.js";
import type { ToolAnswer, ToolCall } from "./tool.js";

/** Follows a turn to its end. It is interrupted if the client cancels the call, or is gone. */
export async function follow(handle: TurnHandle, { signal, report }: ToolCall): Promise<ToolAnswer> {
  const interrupt = () => handle.interrupt();
  signal.addEventListener("abort", interrupt, { once: true });
  if (signal.aborted) interrupt();
  const startedAt = Date.now();
  try {
    for await (const frame of handle.read({ mode: "delta" })) {
      const note = noteOf(frame, Date.now() - startedAt);
      if (note !== undefined) report(note.message, note.urgent);
    }
    return answerOf(handle.id, await handle.result());
  } finally {
    signal.removeEventListener("abort", interrupt);
  }
}

/** The answer of a turn that has ended, or is parked. */
export function answerOf(turnId: string, response: TurnResponse): ToolAnswer {
  const { result, success, structured_output: output, pending_approval: pending, parked } = response;
  const data = { turn_id: turnId, ...response };
  if (pending !== undefined) {
    const text = `The call of ${pending.tool} waits for a decision (approval ${pending.id}); after it, get_task with task_id ${turnId} has the answer.`;
    return { text, data: { ...data, note: text } };
  }
  if (parked === true) {
    const text = `The turn waits for the account's usage limit, until ${response.resets_at}; after that, get_task with task_id ${turnId} has the answer.`;
    return { text, data: { ...data, note: text } };
  }
  if (!success) return { text: failureText(response), data, failed: true };
  return { text: output === undefined ? result : JSON.stringify(output), data };
}

function failureText({ code, error, result }: TurnResponse): string {
  const why = `${code === undefined ? "" : `${code}: `}${error ?? "the turn failed"}`;
  return result === "" || result === error ? why : `${why}\n\nBefore that:\n${result}`;
}
