import type { Approval, PermissionDenial, TurnResponse } from "@claudeway/schemas";
import type { TurnEvent } from "./turns.js";

/** How a reader gets text: all of it so far, or only what is new. */
export type TextMode = "text" | "delta";

/** One frame to send. `id` is the id of the last event that it covers. */
export interface Frame {
  readonly id: number;
  readonly event: TurnEvent["type"];
  readonly data:
    | string
    | readonly PermissionDenial[]
    | TurnResponse
    | Approval
    | { readonly position: number };
}
