import {
  type ChatRequest,
  type Fields,
  fieldsAt,
  invalid,
  isOn,
  NO_THINKING,
  nameOf,
  optionalFields,
  optionalText,
  type RequestSource,
  schemaAt,
  shown,
  textAt,
  toChatRequest,
  UNSAID,
} from "@claudeway/chat";
import type { OpenAIConfig } from "./config.js";
import { readMessages } from "./messages.js";
import { effortOf, idsIn, impossible } from "./request.js";
import { messagesOf } from "./response-items.js";
import type { ResponseReads } from "./response-reads.js";
import { type ForcedFunction, readFunctions } from "./tools.js";

/** A request for a response. */
export interface ResponseRequest {
  readonly chat: ChatRequest;
  /** The messages of this request alone. */
  readonly input: readonly Fields[];
  readonly body: Fields;
  /** The id of the response before it. */
  readonly previous: string | undefined;
  readonly store: boolean;
  readonly stream: boolean;
  /** The function that the answer must be a call of. */
  readonly call: ForcedFunction | undefined;
}

const SCHEMA = "text.format.schema";
/** As in OpenAI's API: it is stored and returned as it came. Lengths are in characters. */
const METADATA = { pairs: 16, key: 64, value: 512 };

/** Reads the body of a request, with the chat that it continues. */
export async function readResponseRequest(
  value: unknown,
  source: RequestSource<OpenAIConfig>,
  reads: ResponseReads,
): Promise<ResponseRequest> {
  const { config } = source;
  const body = fieldsAt(value, "the body");
  refuseImpossible(body);
  checkMetadata(optionalFields(body["metadata"], "metadata"));
  const { call, offered } = readFunctions(asChatTools(body), config.tools);
  const hasTools = call !== undefined || offered !== undefined;
  const previous = optionalText(body["previous_response_id"], "previous_response_id");
  const input = await messagesOf(body["input"], (id) => reads.item(id));
  const before = previous === undefined ? [] : await reads.chat(previous);
  const instructions = optionalText(body["instructions"], "instructions");
  const earlier = before.map((message) => ({ message, at: "previous_response_id" }));
  const { system, messages } = readMessages([...earlier, ...input], "input", hasTools);
  const { format } = optionalFields(body["text"], "text");
  return {
    chat: toChatRequest(source, body, {
      system: [instructions, system].filter(Boolean).join("\n\n") || undefined,
      messages,
      ids: idsIn(body, config),
      ...reasoningOf(optionalFields(body["reasoning"], "reasoning")),
      tools: offered,
      schema: call?.forced.schema ?? schemaIn(format),
      schemaParam: call === undefined ? SCHEMA : "tools",
    }),
    input: input.map(({ message }) => fieldsAt(message, "input")),
    body,
    previous,
    store: body["store"] !== false,
    stream: isOn(body["stream"]),
    call,
  };
}

/** The effort, and the thinking, of which clients are sent a summary if they ask for one. */
function reasoningOf({ effort: given, summary, generate_summary: older }: Fields) {
  const effort = effortOf(given, "reasoning.effort");
  if (given === "none") return { effort, ...NO_THINKING };
  return { effort, ...(typeof (summary ?? older) === "string" ? shown() : UNSAID) };
}

function refuseImpossible({ background, conversation, prompt }: Fields): void {
  if (isOn(background)) throw impossible("background", "the answer is awaited");
  if (conversation !== undefined && conversation !== null)
    throw impossible("conversation", "use previous_response_id");
  if (prompt !== undefined && prompt !== null) throw impossible("prompt", "there are no stored prompts");
}

function checkMetadata(metadata: Fields): void {
  const { pairs, key: maxKey, value: maxValue } = METADATA;
  const entries = Object.entries(metadata);
  if (entries.length > pairs)
    throw invalid("metadata", `must have at most ${pairs} pairs, got ${entries.length}`);
  for (const [key, value] of entries) {
    const keyLength = lengthOf(key);
    if (keyLength > maxKey)
      throw invalid("metadata", `must have keys of at most ${maxKey} characters, got one of ${keyLength}`);
    const length = lengthOf(textAt(value, `metadata.${key}`));
    if (length > maxValue)
      throw invalid(`metadata.${key}`, `must have at most ${maxValue} characters, got ${length}`);
  }
}

/** In characters, of which some have two code units. */
function lengthOf(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}

/** The tools as a chat completion has them: a function in a field of its own. */
function asChatTools({ tools, tool_choice, parallel_tool_calls }: Fields): Fields {
  if (!Array.isArray(tools)) return {};
  const functions = tools.map((tool: unknown) => {
    const fields = fieldsAt(tool, "tools");
    return { type: fields["type"], function: fields };
  });
  return { tools: functions, tool_choice, parallel_tool_calls };
}

/** The JSON Schema that the answer must match; undefined for text. */
function schemaIn(format: unknown): Fields | undefined {
  const { type = "text", schema } = optionalFields(format, "text.format");
  if (type === "text") return undefined;
  if (type === "json_object") return { type: "object" };
  if (type === "json_schema") return schemaAt(schema, SCHEMA);
  throw invalid("text.format.type", `must be text, json_object or json_schema, got ${nameOf(type)}`);
}
