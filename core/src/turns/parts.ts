import type { TurnProgress } from "./progress.js";
import type { TurnContext, TurnRequest } from "./request.js";
import type { TurnEvents } from "./turn-events.js";
import type { TurnRecorder } from "./turn-recorder.js";

/** What the parts of a turn share. */
export interface TurnParts {
  readonly request: TurnRequest;
  readonly context: TurnContext;
  readonly recorder: TurnRecorder;
  readonly events: TurnEvents;
  readonly progress: TurnProgress;
}
