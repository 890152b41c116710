import {
  type ChatRequest,
  type Fields,
  fieldsAt,
  invalid,
  isFields,
  isOn,
  NO_THINKING,
  nameOf,
  optionalFields,
  optionalText,
  type RequestSource,
  schemaAt,
  shown,
  type ThinkingWish,
  toChatRequest,
  UNSAID,
} from "@claudeway/chat";
import type { OpenAIConfig } from "./config.js";
import { entriesOf, readMessages } from "./messages.js";
import { type ForcedFunction, readFunctions } from "./tools.js";

/** A request for a chat completion. */
export interface CompletionRequest {
  readonly chat: ChatRequest;
  readonly stream: boolean;
  /** True: the stream ends with a chunk that has the usage. */
  readonly includeUsage: boolean;
  /** The function that the answer must be a call of. */
  readonly call: ForcedFunction | undefined;
}

const SCHEMA = "response_format.json_schema.schema";

/** Reads the body of a request. What Claude can't do is ignored, unless the answer would be another one than asked for. */
export function readRequest(value: unknown, source: RequestSource<OpenAIConfig>): CompletionRequest {
  const body = fieldsAt(value, "the body");
  refuseImpossible(body);
  const { call, offered } = readFunctions(body, source.config.tools);
  const hasTools = call !== undefined || offered !== undefined;
  return {
    chat: toChatRequest(source, body, {
      ...readMessages(entriesOf(body["messages"]), "messages", hasTools),
      ids: idsIn(body, source.config),
      ...reasoningOf(body),
      tools: offered,
      schema: call?.forced.schema ?? schemaOf(body["response_format"]),
      schemaParam: call === undefined ? SCHEMA : "tools",
    }),
    stream: isOn(body["stream"]),
    includeUsage: isOn(optionalFields(body["stream_options"], "stream_options")["include_usage"]),
    call,
  };
}

/** The error for a parameter that the gateway cannot honour. */
export function impossible(param: string, what: string) {
  return invalid(param, `is not supported: ${what}`, "unsupported_parameter");
}

function refuseImpossible({ n, logprobs, audio, modalities, web_search_options: search }: Fields): void {
  if (n !== undefined && n !== null && Number(n) !== 1) throw impossible("n", "there is one choice");
  if (isOn(logprobs)) throw impossible("logprobs", "Claude reports no probabilities");
  if (audio !== undefined && audio !== null) throw impossible("audio", "the answer is text");
  if (Array.isArray(modalities) && modalities.includes("audio"))
    throw impossible("modalities", "the answer is text");
  if (search !== undefined && search !== null)
    throw impossible("web_search_options", "the model has no tools; claude-code/… has");
}

/** The JSON Schema that the answer must match; undefined for text. */
function schemaOf(format: unknown): Fields | undefined {
  const { type = "text", json_schema } = optionalFields(format, "response_format");
  if (type === "text") return undefined;
  if (type === "json_object") return { type: "object" };
  if (type !== "json_schema")
    throw invalid("response_format.type", `must be text, json_object or json_schema, got ${nameOf(type)}`);
  const { schema } = fieldsAt(json_schema, "response_format.json_schema");
  return schemaAt(schema, SCHEMA);
}

/** The effort, and the thinking that clients ask to be sent, in the ways of several APIs that are like OpenAI's. */
function reasoningOf(body: Fields): ThinkingWish & Pick<ChatRequest, "effort"> {
  const reasoning = optionalFields(body["reasoning"], "reasoning");
  const { type } = optionalFields(body["thinking"], "thinking");
  const given = body["reasoning_effort"];
  const effort = isGiven(given)
    ? effortOf(given, "reasoning_effort")
    : effortOf(reasoning["effort"], "reasoning.effort");
  const named = isGiven(given) ? given : reasoning["effort"];
  if (named === "none" || type === "disabled") return { effort, ...NO_THINKING };
  const asked =
    (isGiven(named) && named !== "minimal") ||
    isOn(reasoning["enabled"]) ||
    isOn(body["include_reasoning"]) ||
    isGiven(type);
  return { effort, ...(asked && !isOn(reasoning["exclude"]) ? shown() : UNSAID) };
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** The efforts of OpenAI's API, as Claude has them. `none` and `minimal` have no equal: the least there is. */
const EFFORTS = {
  none: "low",
  minimal: "low",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "xhigh",
} as const;

export function effortOf(value: unknown, param: string): ChatRequest["effort"] {
  const effort = optionalText(value, param);
  if (effort === undefined) return undefined;
  const found = Object.entries(EFFORTS).find(([name]) => name === effort);
  if (found !== undefined) return found[1];
  throw invalid(param, `must be one of ${Object.keys(EFFORTS).join(", ")}, got ${nameOf(effort)}`);
}

/** The client's own id of the conversation. */
export function idsIn(
  { metadata, user, prompt_cache_key: cacheKey }: Fields,
  config: OpenAIConfig,
): readonly unknown[] {
  const { session_id: session } = isFields(metadata) ? metadata : {};
  return [session, cacheKey, config.user_names_conversation ? user : undefined];
}
