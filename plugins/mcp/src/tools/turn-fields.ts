import type { Fields } from "@claudeway/chat";
import type { PluginTaskRequest } from "@claudeway/core";
import { type Field, number, object, oneOf, optional, text } from "../fields.js";

const EFFORTS = ["low", "medium", "high", "xhigh", "max"] as const;

export const PROMPT = text(
  "prompt",
  "What Claude is to do. May begin with a slash command, such as /review.",
);
export const MODEL = optional(text("model", "The model: a name or alias, such as sonnet, opus or haiku."));
export const SYSTEM_PROMPT = optional(text("system_prompt", "Replaces Claude Code's system prompt."));
export const APPEND = optional(text("append_system_prompt", "Added to the end of the system prompt."));
export const WORKDIR = optional(
  text("workdir", "The folder to work in: absolute, or relative to the gateway's base folder."),
);
export const EFFORT = optional(oneOf("effort", "How much the model thinks.", EFFORTS));
const TIMEOUT = optional(
  number("timeout_secs", "How long the turn may run, in seconds.", { minimum: 1, maximum: 86_400 }),
);
const BUDGET = optional(
  number("max_budget_usd", "What the turn may cost, in USD; it is interrupted beyond.", {
    minimum: 0.000001,
    maximum: 1_000_000,
  }),
);
const SCHEMA = optional(
  object("output_schema", "A JSON Schema of an object: the answer has a structured_output that matches it."),
);

/** The arguments of everything that runs a prompt. */
export const TURN_FIELDS: readonly Field<unknown>[] = [
  PROMPT,
  MODEL,
  SYSTEM_PROMPT,
  APPEND,
  EFFORT,
  TIMEOUT,
  BUDGET,
  SCHEMA,
];

/** The request for a turn. What the key may not send, and what is out of range, the gateway refuses. */
export function turnRequest(given: Fields, timeoutSecs: number): PluginTaskRequest {
  const [model, systemPrompt, maxBudgetUsd] = [MODEL.of(given), SYSTEM_PROMPT.of(given), BUDGET.of(given)];
  const [append, effort, outputSchema] = [APPEND.of(given), EFFORT.of(given), SCHEMA.of(given)];
  return {
    prompt: PROMPT.of(given),
    timeoutSecs: TIMEOUT.of(given) ?? timeoutSecs,
    events: ["tools"],
    ...(model !== undefined && { model }),
    ...(systemPrompt !== undefined && { systemPrompt }),
    ...(maxBudgetUsd !== undefined && { maxBudgetUsd }),
    options: {
      ...(append !== undefined && { appendSystemPrompt: append }),
      ...(effort !== undefined && { effort }),
      ...(outputSchema !== undefined && { outputSchema }),
    },
  };
}
