import {
  type ChatRequest,
  type Fields,
  fieldsAt,
  invalid,
  optionalFields,
  optionalText,
  type RequestSource,
  toChatRequest,
} from "@claudeway/chat";
import type { OpenAIConfig } from "./config.js";
import { readMessages } from "./messages.js";
import { effortOf, idsIn, schemaOf } from "./request.js";
import { messagesOf } from "./response-items.js";
import type { ResponseStore } from "./response-store.js";
import { forcedTool } from "./tools.js";

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
  /** The name of the function that the answer must be a call of. */
  readonly call: string | undefined;
}

/** Reads the body of a request, with the chat that it continues. */
export async function readResponseRequest(
  value: unknown,
  source: RequestSource<OpenAIConfig>,
  responses: ResponseStore,
): Promise<ResponseRequest> {
  const { keyId, config } = source;
  const body = fieldsAt(value, "the body");
  refuseImpossible(body);
  const call = forcedTool(asChatTools(body), config.tools);
  const previous = optionalText(body["previous_response_id"], "previous_response_id");
  const input = await messagesOf(body["input"], async (id) => {
    const stored = await responses.get(keyId, id);
    if (stored !== undefined) return stored.output;
    throw invalid("input", `must not refer to ${JSON.stringify(id.slice(0, 100))}: it is not stored`);
  });
  const before = previous === undefined ? [] : await responses.chat(keyId, previous);
  const instructions = optionalText(body["instructions"], "instructions");
  const { system, messages } = readMessages([...before, ...input], "input");
  const { format } = optionalFields(body["text"], "text");
  return {
    chat: toChatRequest(source, body, {
      system: [instructions, system].filter(Boolean).join("\n\n") || undefined,
      messages,
      ids: idsIn(body, config),
      effort: effortOf(optionalFields(body["reasoning"], "reasoning")["effort"]),
      schema: call?.schema ?? schemaOf(asChatFormat(format)),
    }),
    input,
    body,
    previous,
    store: body["store"] !== false,
    stream: body["stream"] === true,
    call: call?.name,
  };
}

function refuseImpossible({ background, conversation, prompt }: Fields): void {
  const impossible = (param: string, what: string) =>
    invalid(param, `is not supported: ${what}`, "unsupported_parameter");
  if (background === true) throw impossible("background", "the answer is awaited");
  if (conversation !== undefined && conversation !== null)
    throw impossible("conversation", "use previous_response_id");
  if (prompt !== undefined && prompt !== null) throw impossible("prompt", "there are no stored prompts");
}

/** The tools as a chat completion has them: a function in a field of its own. */
function asChatTools({ tools, tool_choice }: Fields): Fields {
  if (!Array.isArray(tools)) return {};
  const functions = tools.map((tool: unknown) => {
    const fields = fieldsAt(tool, "tools");
    return { type: fields["type"], function: fields };
  });
  return { tools: functions, tool_choice };
}

/** The format as a chat completion has it: the schema in a field of its own. */
function asChatFormat(format: unknown): unknown {
  if (format === undefined || format === null) return undefined;
  const fields = fieldsAt(format, "text.format");
  return fields["type"] === "json_schema" ? { type: "json_schema", json_schema: fields } : fields;
}
