import {
  type ChatRequest,
  type Fields,
  type ForcedCall,
  fieldsAt,
  invalid,
  isFields,
  isOn,
  NO_THINKING,
  nameOf,
  optionalFields,
  optionalText,
  type RequestSource,
  shown,
  type ThinkingWish,
  toChatRequest,
  UNSAID,
} from "@claudeway/chat";
import type { AnthropicConfig } from "./config.js";
import { readMessages } from "./messages.js";
import { readTools } from "./tools.js";

/** A request for a message. */
export interface MessageRequest {
  readonly chat: ChatRequest;
  readonly stream: boolean;
  /** The call that the answer must be. */
  readonly forced: ForcedCall | undefined;
}

/** Reads the body of a request. What Claude can't do is ignored, unless the answer would be another one than asked for. */
export function readRequest(value: unknown, source: RequestSource<AnthropicConfig>): MessageRequest {
  const { tools, user_names_conversation: isUserId } = source.config;
  const body = fieldsAt(value, "the body");
  const { forced, offered } = readTools(body, tools);
  const hasTools = forced !== undefined || offered !== undefined;
  const output = optionalFields(body["output_config"], "output_config");
  const { user_id: user, session_id: session } = isFields(body["metadata"]) ? body["metadata"] : {};
  return {
    chat: toChatRequest(source, body, {
      ...readMessages(body["messages"], body["system"], hasTools),
      ids: [session, isUserId ? user : undefined],
      effort: effortOf(output["effort"]),
      ...thinkingOf(body["thinking"]),
      tools: offered,
      schema: forced?.schema ?? schemaOf(output["format"] ?? body["output_format"]),
      schemaParam: forced === undefined ? "output_config.format.schema" : "tools",
    }),
    stream: isOn(body["stream"]),
    forced,
  };
}

/** The JSON Schema that the answer must match; undefined for text. */
function schemaOf(format: unknown): Fields | undefined {
  if (format === undefined || format === null) return undefined;
  const { type, schema } = fieldsAt(format, "output_config.format");
  if (type === "json_schema") return fieldsAt(schema, "output_config.format.schema");
  throw invalid("output_config.format.type", `must be json_schema, got ${nameOf(type)}`);
}

const MIN_BUDGET = 1024;

/** Whether the model is to think, and the client to be sent what. */
function thinkingOf(value: unknown): ThinkingWish {
  const { type, budget_tokens: given, display } = optionalFields(value, "thinking");
  if (type === undefined) return UNSAID;
  if (type === "disabled") return NO_THINKING;
  if (type !== "adaptive" && type !== "enabled")
    throw invalid("thinking.type", `must be adaptive, enabled or disabled, got ${nameOf(type)}`);
  const budgetTokens = Number(given);
  if (type === "enabled" && !(Number.isInteger(budgetTokens) && budgetTokens >= MIN_BUDGET))
    throw invalid(
      "thinking.budget_tokens",
      `must be an integer of ${MIN_BUDGET} or more, got ${nameOf(given)}`,
    );
  const thinking = type === "enabled" ? ({ type, budgetTokens } as const) : ({ type } as const);
  return display === "omitted" ? { thinking, showsThinking: false } : shown(thinking);
}

const EFFORTS = ["low", "medium", "high", "xhigh", "max"] as const;

function effortOf(value: unknown): ChatRequest["effort"] {
  const effort = optionalText(value, "output_config.effort");
  const found = EFFORTS.find((known) => known === effort);
  if (effort === undefined || found !== undefined) return found;
  throw invalid("output_config.effort", `must be one of ${EFFORTS.join(", ")}, got ${nameOf(effort)}`);
}
