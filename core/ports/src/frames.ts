import type { Approval, PermissionDenial, TurnResponse } from "@claudeway/schemas";
import type { WorkEvent } from "./events.js";
import type { TurnEvent } from "./turns.js";

/** How a reader gets text: all of it so far, or only what is new. */
export type TextMode = "text" | "delta";

/** One frame to send. `id` is the id of the last event that it covers. */
export interface Frame {
  readonly id: number;
  /** `missed`: events of the kinds that the request names were dropped before the reader came to them. */
  readonly event: TurnEvent["type"] | "missed";
  readonly data:
    | string
    | readonly PermissionDenial[]
    | TurnResponse
    | Approval
    | { readonly position: number }
    | WorkEvent["data"]
    | Readonly<Record<string, never>>;
}
