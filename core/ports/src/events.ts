import type {
  ApiRetry,
  Compaction,
  EventKind,
  RunningUsage,
  StreamedQuestion,
  StreamedThinking,
  StreamedToolCall,
  StreamedToolResult,
  TaskProgress,
  UsageLimit,
} from "@claudeway/schemas";

/** What the engine reports while it works, besides the text. It builds most of these only for listeners. */
export type EngineEvent =
  | { readonly type: "tool_call"; readonly data: StreamedToolCall }
  | { readonly type: "tool_result"; readonly data: StreamedToolResult }
  | { readonly type: "thinking"; readonly data: StreamedThinking }
  | { readonly type: "retry"; readonly data: ApiRetry }
  | { readonly type: "limit"; readonly data: UsageLimit }
  | { readonly type: "task"; readonly data: TaskProgress }
  | { readonly type: "compacted"; readonly data: Compaction };

/** The events of a turn that are sent only to clients that request their kind, see `TurnPlan.events`. */
export type WorkEvent =
  | EngineEvent
  | { readonly type: "question"; readonly data: StreamedQuestion }
  | { readonly type: "usage"; readonly data: RunningUsage };

/** Receives what the engine reports. */
export interface EventListener {
  /** Whether a client or a plugin listens to events of this kind now. Building others is wasted work. */
  wants(kind: EventKind): boolean;
  /** Something happened; events of a kind without a listener are dropped. */
  event(event: EngineEvent): void;
}
