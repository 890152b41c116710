import type { Frame } from "@claudeway/core";

/** Progress within this time of the last notification is left out, in ms. */
const MIN_GAP_MS = 500;
/** Characters of a text that a notification quotes. */
const MAX_QUOTED = 200;

/** One notification. */
export interface ProgressNote {
  /** Increases with each. */
  readonly progress: number;
  readonly message: string;
}

/** Notifies a client of the progress of its call, not too often: a slow reader has to keep up. */
export function reporter(
  send: (note: ProgressNote) => void,
  now: () => number = Date.now,
): (message: string, urgent?: "urgent") => void {
  let [progress, last] = [0, Number.NEGATIVE_INFINITY];
  return (message, urgent) => {
    if (urgent === undefined && now() - last < MIN_GAP_MS) return;
    last = now();
    progress += 1;
    send({ progress, message });
  };
}

/** The progress that an event of a turn reports; undefined if it reports none. */
export function noteOf(
  frame: Frame | null,
  ranMs: number,
): { readonly message: string; readonly urgent?: "urgent" } | undefined {
  if (frame === null) return { message: `working for ${Math.round(ranMs / 1000)} s`, urgent: "urgent" };
  const { event, data } = frame;
  if (typeof data === "string") return event === "text" ? { message: `writes: ${quoted(data)}` } : undefined;
  if ("position" in data) return { message: `waits at place ${data.position} of the queue` };
  if (event === "tool_call" && "name" in data) return { message: `calls ${data.name}` };
  if ("tool_use_id" in data && "tool" in data) {
    const { tool, id, status } = data;
    const message =
      event === "permission_request"
        ? `${tool} waits for a decision, approval ${id}`
        : `${tool} was ${status}`;
    return { message, urgent: "urgent" };
  }
  return undefined;
}

function quoted(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > MAX_QUOTED ? `${line.slice(0, MAX_QUOTED)}…` : line;
}
