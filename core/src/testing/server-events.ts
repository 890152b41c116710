import type { Approval, PermissionDenial, TurnResponse } from "@claudeway/schemas";

/** An event of a turn's stream, as a client gets it. */
export type StreamEvent = { readonly id: number } & (
  | { readonly event: "text"; readonly data: string }
  | { readonly event: "queued"; readonly data: { readonly position: number } }
  | { readonly event: "permission_request" | "permission_resolved"; readonly data: Approval }
  | { readonly event: "permission_denied"; readonly data: readonly PermissionDenial[] }
  | { readonly event: "done"; readonly data: TurnResponse }
);

/** Reads server-sent events by the rules of the standard (WHATWG HTML, "Server-sent events"). */
export async function* readStream(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent, void> {
  let buffer = "";
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (buffer + chunk).split("\n\n");
    buffer = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event !== undefined) yield event;
    }
  }
}

/** Undefined: a comment. */
function parseEvent(block: string): StreamEvent | undefined {
  const fields = { id: "", event: "" };
  const lines: string[] = [];
  for (const line of block.split("\n")) {
    const [, name, value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === "data") lines.push(value);
    else if (name === "id" || name === "event") fields[name] = value;
  }
  return lines.length === 0 ? undefined : toEvent(Number(fields.id), fields.event, lines.join("\n"));
}

function toEvent(id: number, event: string, data: string): StreamEvent {
  switch (event) {
    case "text":
      return { id, event, data };
    case "queued":
    case "permission_request":
    case "permission_resolved":
    case "permission_denied":
    case "done":
      return { id, event, data: JSON.parse(data) };
    default:
      throw new Error(`a stream of the gateway has an event of a kind that is not known here: ${event}`);
  }
}
