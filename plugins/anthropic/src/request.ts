import {
  type ChatRequest,
  conversationIdOf,
  type Fields,
  fieldsAt,
  invalid,
  optionalText,
  type RequestHeaders,
  textAt,
  toModel,
} from "@claudeway/chat";
import type { AnthropicConfig } from "./config.js";
import { readMessages } from "./messages.js";
import { forcedTool } from "./tools.js";

/** A request for a message. */
export interface MessageRequest {
  readonly chat: ChatRequest;
  readonly stream: boolean;
  /** The name of the tool that the answer must be a call of. */
  readonly call: string | undefined;
}

export interface RequestSource {
  readonly headers: RequestHeaders;
  readonly keyId: string;
  readonly config: AnthropicConfig;
  readonly aliases: Readonly<Record<string, string>>;
}

/** Reads the body of a request. What Claude can't do is ignored, unless the answer would be another one than asked for. */
export function readRequest(
  value: unknown,
  { headers, keyId, config, aliases }: RequestSource,
): MessageRequest {
  const body = fieldsAt(value, "the body");
  const call = forcedTool(body, config.tools);
  const { system, messages } = readMessages(body["messages"], body["system"]);
  const output = optionalFields(body["output_config"], "output_config");
  const { user_id: user, session_id: session } = optionalFields(body["metadata"], "metadata");
  return {
    chat: {
      keyId,
      model: toModel(textAt(body["model"], "model"), aliases),
      system,
      messages,
      conversationId: conversationIdOf(headers, [session, config.user_names_conversation ? user : undefined]),
      effort: effortOf(output["effort"]),
      schema: call?.schema ?? schemaOf(output["format"] ?? body["output_format"]),
      metadata: undefined,
    },
    stream: body["stream"] === true,
    call: call?.name,
  };
}

function optionalFields(value: unknown, param: string): Fields {
  return value === undefined || value === null ? {} : fieldsAt(value, param);
}

/** The JSON Schema that the answer must match; undefined for text. */
function schemaOf(format: unknown): Fields | undefined {
  if (format === undefined || format === null) return undefined;
  const { type, schema } = fieldsAt(format, "output_config.format");
  if (type === "json_schema") return fieldsAt(schema, "output_config.format.schema");
  throw invalid("output_config.format.type", "must be json_schema");
}

const EFFORTS = ["low", "medium", "high", "xhigh", "max"] as const;

function effortOf(value: unknown): ChatRequest["effort"] {
  const effort = optionalText(value, "output_config.effort");
  const found = EFFORTS.find((known) => known === effort);
  if (effort === undefined || found !== undefined) return found;
  throw invalid("output_config.effort", `must be one of ${EFFORTS.join(", ")}`);
}
