import type { Fields } from "@claudeway/chat";
import type { Caller } from "@claudeway/core";
import type { Field } from "./fields.js";

/** A request of a client that is being answered. */
export interface Call {
  readonly caller: Caller;
  /** The client's address. */
  readonly address: string | undefined;
  /** Aborted when the client cancels the request, or is gone. */
  readonly signal: AbortSignal;
}

/** A call of a tool. */
export interface ToolCall extends Call {
  /** Reports the call's progress to the client. Messages that are not `urgent` may be dropped when they come too fast. */
  report(message: string, urgent?: "urgent"): void;
}

/** What a tool answers. */
export interface ToolAnswer {
  /** For the model. */
  readonly text: string;
  /** The same for programs. */
  readonly data: Fields;
  readonly failed?: boolean;
}

export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly fields: readonly Field<unknown>[];
  /** True: it changes nothing. */
  readonly readOnly?: boolean;
  /** True: a client should ask its user before. */
  readonly destructive?: boolean;
  run(given: Fields, call: ToolCall): Promise<ToolAnswer>;
}
