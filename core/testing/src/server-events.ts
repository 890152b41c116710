import type { Approval, PermissionDenial, TurnResponse } from "@claudeway/schemas";
import { readEvents, type ServerEvent } from "./event-parser.js";

/** An event of a turn's stream, as clients get it. */
export type StreamEvent = { readonly id: number } & (
  | { readonly event: "text"; readonly data: string }
  | { readonly event: "queued"; readonly data: { readonly position: number } }
  | { readonly event: "permission_request" | "permission_resolved"; readonly data: Approval }
  | { readonly event: "permission_denied"; readonly data: readonly PermissionDenial[] }
  | { readonly event: "done"; readonly data: TurnResponse }
);

/** The events of a response, as they arrive. */
export async function* readStream(response: Response): AsyncGenerator<StreamEvent, void> {
  for await (const event of readEvents(response)) yield toEvent(event);
}

function toEvent({ id: given, event, data }: ServerEvent): StreamEvent {
  const id = Number(given);
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
      throw new Error(`a stream of the gateway has an unknown event: ${event}`);
  }
}
