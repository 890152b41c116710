import {
  type ChatMessage,
  calledBefore,
  type Fields,
  fieldsAt,
  invalid,
  listAt,
  nameOf,
  type ReadMessages,
  resultOfBlocks,
  textAt,
  toChat,
  withCalls,
} from "@claudeway/chat";
import type { ContentBlock, HistoryBlock } from "@claudeway/core";
import { CallArguments } from "./call-arguments.js";
import { contentAt } from "./content.js";

/** A message of a request, and what its client calls it. */
export interface MessageEntry {
  readonly message: unknown;
  readonly at: string;
  /** Of its content, if that is not `content` below it. */
  readonly contentAt?: string;
  /** Of its only call, if that is not in `tool_calls` below it. */
  readonly callAt?: string;
}

/** The messages of a chat completion. */
export function entriesOf(messages: unknown): MessageEntry[] {
  return listAt(messages, "messages").map((message, index) => ({ message, at: `messages[${index}]` }));
}

/**
 * The messages of a request as a chat: system messages are its system prompt, wherever they are.
 * @param param the field that they are from
 * @param hasTools whether the model has tools, so that it can know calls
 */
export function readMessages(
  entries: readonly MessageEntry[],
  param: string,
  hasTools: boolean,
): ReadMessages {
  const systems: string[] = [];
  const said: ChatMessage[] = [];
  const calls: Calls = { legacy: new LegacyCalls(), inputs: new CallArguments() };
  for (const entry of entries) {
    const { message: item, at, contentAt: contentParam = `${at}.content` } = entry;
    const message = fieldsAt(item, at);
    const { role } = message;
    const content = contentAt(message["content"], contentParam);
    if (role === "system" || role === "developer") systems.push(textOf(content, contentParam));
    else if (role === "user") said.push({ role, content });
    else if (role === "assistant")
      said.push({ role, content: answerOf(message, textOf(content, contentParam), entry, calls) });
    else if (role === "tool" || role === "function")
      said.push({ role: "user", content: [toResult(message, content, contentParam, calls.legacy)] });
    else
      throw invalid(
        `${at}.role`,
        `must be system, developer, user, assistant, tool or function, got ${nameOf(role)}`,
      );
  }
  // A prompt alone, which some clients send as a system message.
  if (said.length === 0) said.push({ role: "user", content: contentAt(systems.pop(), param) });
  const messages = withCalls(toChat(said, param), hasTools);
  if (messages.at(-1)?.role !== "user")
    throw invalid(param, "must end with a message of the user that is not empty");
  const system = systems.filter((text) => text.trim() !== "").join("\n\n");
  return { system: system === "" ? undefined : system, messages };
}

/** What is known of a request's calls while they are read. */
interface Calls {
  readonly legacy: LegacyCalls;
  readonly inputs: CallArguments;
}

/** Ids for the calls of older clients, which have none: of each function, the last one is answered. */
class LegacyCalls {
  #count = 0;
  readonly #ids = new Map<string, string>();

  add(name: string): string {
    const id = `call_function_${this.#count++}`;
    this.#ids.set(name, id);
    return id;
  }

  idOf(name: unknown): string {
    return this.#ids.get(String(name)) ?? "call_unknown";
  }
}

/** An answer's text, and its calls. */
function answerOf(
  message: Fields,
  content: string,
  { at, callAt }: MessageEntry,
  { legacy: legacyCalls, inputs }: Calls,
): HistoryBlock[] {
  const calls = listAt(message["tool_calls"] ?? [], `${at}.tool_calls`).map((item, index) => {
    const param = `${at}.tool_calls[${index}]`;
    const call = fieldsAt(item, param);
    const of = fieldsAt(call["function"], `${param}.function`);
    return callOf(textAt(call["id"], `${param}.id`), of, callAt ?? `${param}.function`, inputs);
  });
  const { function_call: legacy } = message;
  if (legacy !== undefined && legacy !== null) {
    const call = fieldsAt(legacy, `${at}.function_call`);
    calls.push(callOf(legacyCalls.add(String(call["name"])), call, `${at}.function_call`, inputs));
  }
  return [...(content === "" ? [] : [{ type: "text" as const, text: content }]), ...calls];
}

function callOf(
  id: string,
  { name, arguments: given }: Fields,
  at: string,
  inputs: CallArguments,
): HistoryBlock {
  return calledBefore(id, textAt(name, `${at}.name`), inputs.read(given, `${at}.arguments`));
}

function toResult(
  message: Fields,
  content: readonly ContentBlock[],
  at: string,
  calls: LegacyCalls,
): ContentBlock {
  const { role, name, tool_call_id: id } = message;
  const callId = role === "function" ? calls.idOf(name) : String(id ?? "call_unknown");
  return resultOfBlocks(callId, content, at);
}

function textOf(content: readonly ContentBlock[], at: string): string {
  const texts = content.map((block) => {
    if (block.type === "text") return block.text;
    throw invalid(at, "must be text; images and files are for messages of the user");
  });
  return texts.join("\n");
}
