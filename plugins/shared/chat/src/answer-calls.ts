import type { TurnResponse } from "@claudeway/core";
import type { Fields } from "./fields.js";
import type { ForcedCall } from "./tool-choice.js";

/** A call of a client's tool, in an answer. */
export interface AnswerCall {
  readonly id: string;
  readonly name: string;
  readonly input: Fields;
}

/** The calls of an answer: those that the model made, or the one that was forced, which gets `forcedId`. */
export function answerCalls(
  forced: ForcedCall | undefined,
  { client_calls: calls = [], structured_output: output = {} }: TurnResponse,
  forcedId: string,
): readonly AnswerCall[] {
  return forced === undefined ? calls : [{ id: forcedId, ...forced.read(output) }];
}
