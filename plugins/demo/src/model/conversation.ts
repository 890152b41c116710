import { describeAttachment } from "./attachments.js";
import { isObject, type JsonObject, listOf } from "./json.js";

/** The result of a tool call. */
export interface ToolResult {
  readonly name: string;
  readonly input: JsonObject;
  readonly text: string;
  readonly isError: boolean;
}

/** A request to `/v1/messages`, as far as the script needs it (https://docs.anthropic.com/en/api/messages). */
export interface Conversation {
  readonly model: string;
  readonly stream: boolean;
  /** The text of the `system` field, without the CLI's billing line. */
  readonly system: string;
  /** The caller's last text: the last user text that the CLI did not add. */
  readonly prompt: string;
  /** The images and documents that came with the prompt, in words. */
  readonly attachments: readonly string[];
  /** The caller's earlier texts, oldest first. */
  readonly earlier: readonly string[];
  /** Results of the model's tool calls since the prompt, in order. */
  readonly results: readonly ToolResult[];
  /** Results of the previous turn. */
  readonly resultsBefore: readonly ToolResult[];
  /** The id of the model's last tool call since the prompt. */
  readonly lastCallId: string | undefined;
  /** Messages of the model in the whole conversation. */
  readonly answers: number;
  /** Names of the tools that the request offers. */
  readonly tools: readonly string[];
  /** The schema of the answer, if the request asks for JSON. */
  readonly schema: JsonObject | undefined;
  /** The schema of the CLI's tool for a structured output, which it offers if the caller asked for one. */
  readonly outputSchema: JsonObject | undefined;
  /** The CLI asks by itself because background work has ended: no prompt came after that notice. */
  readonly notified: boolean;
  /** A subagent of the CLI asks, not the caller's own turn. */
  readonly subagent: boolean;
}

const REMINDER = /^<system-reminder>[\s\S]*<\/system-reminder>\s*$/;

/** Part of the CLI's reminder that a background task has ended. */
const NOTICE = /<task-notification>/;

/** What the CLI adds to the user's messages by itself. Measured on 2.1.330. */
const ADDED = [
  REMINDER,
  /^<local-command-(?:caveat|stdout|stderr)>/,
  /^<command-(?:name|message|args)>/,
  /^\[Request interrupted by user(?: for tool use)?\]$/,
  /^Your response above was cut off mid-stream/,
  /^Tool loaded\.$/,
  /^\[Image: (?:source|original)[: ]/,
  /^\[structured-output-enforce\]/,
  /^Output token limit hit\. Resume directly/,
];

/** Added to a message, the result of a call or a prompt, that was not answered; alone, it is the caller's text. */
const ADDED_TO_GO_ON = /^(?:The usage limit has been lifted\. )?Continue from where you left off\.$/;

/** The tool by which the CLI lets the model give a structured output. */
export const OUTPUT_TOOL = "StructuredOutput";

const BILLING_LINE = /^x-anthropic-billing-header:/;

export function readConversation(body: JsonObject): Conversation {
  const messages = listOf(body["messages"]).filter(isObject);
  const turns = splitTurns(messages);
  const prompts = turns.filter(({ notice }) => !notice).map(({ prompt }) => prompt);
  const current = turns.at(-1) ?? { prompt: "", notice: false, messages: [] };
  const calls = current.messages.flatMap(callsOf);
  const tools = listOf(body["tools"]).filter(isObject);
  return {
    model: textOr(body["model"], "claude-demo"),
    stream: body["stream"] === true,
    system: readSystem(body["system"]),
    prompt: prompts.at(-1) ?? "",
    attachments: current.messages.slice(0, 1).flatMap(attachmentsOf),
    earlier: prompts.slice(0, -1),
    results: resultsOf(current.messages),
    resultsBefore: resultsOf(turnBefore(turns)?.messages ?? []),
    lastCallId: calls.at(-1)?.id,
    answers: messages.filter((message) => message["role"] === "assistant").length,
    tools: tools.map((tool) => textOr(tool["name"], "")),
    schema: readSchema(body["output_config"]),
    outputSchema: tools.map(outputSchemaOf).find((schema) => schema !== undefined),
    notified: current.notice,
    subagent: textsOf(body["system"]).some(
      (text) => BILLING_LINE.test(text) && text.includes("cc_is_subagent=true"),
    ),
  };
}

interface Turn {
  /** "" if a notice began the turn. */
  readonly prompt: string;
  /** It began with a notice of the CLI. */
  readonly notice: boolean;
  /** The message that began it and those after it. */
  readonly messages: readonly JsonObject[];
}

function splitTurns(messages: readonly JsonObject[]): Turn[] {
  const turns: { prompt: string; notice: boolean; messages: JsonObject[] }[] = [];
  for (const message of messages) {
    const prompt = promptOf(message);
    const notice = prompt === undefined && isNotice(message);
    if (prompt !== undefined || notice) turns.push({ prompt: prompt ?? "", notice, messages: [message] });
    else turns.at(-1)?.messages.push(message);
  }
  return turns;
}

/** The previous turn; turns that a notice began count only if they made calls. */
function turnBefore(turns: readonly Turn[]): Turn | undefined {
  return turns
    .slice(0, -1)
    .findLast(({ notice, messages }) => !notice || messages.some((message) => callsOf(message).length > 0));
}

function promptOf(message: JsonObject): string | undefined {
  if (message["role"] !== "user") return undefined;
  const resumed = blocksOf(message).some((block) => block["type"] === "tool_result");
  const texts = textsOf(message["content"]).filter((text) => !ADDED.some((pattern) => pattern.test(text)));
  const own = texts.filter((text) => !ADDED_TO_GO_ON.test(text));
  if (own.length > 0 || resumed) return withoutLineEnd(own.at(-1), texts.at(-1));
  return texts.at(-1) ?? (attachmentsOf(message).length > 0 ? "" : undefined);
}

/** The CLI ends a text with a line break where it adds another one to it. */
function withoutLineEnd(text: string | undefined, last: string | undefined): string | undefined {
  return last !== undefined && ADDED_TO_GO_ON.test(last) ? text?.replace(/\n$/, "") : text;
}

function isNotice(message: JsonObject): boolean {
  if (message["role"] !== "user") return false;
  if (blocksOf(message).some((block) => block["type"] === "tool_result")) return false;
  const texts = textsOf(message["content"]);
  return texts.every((text) => REMINDER.test(text)) && texts.some((text) => NOTICE.test(text));
}

/** The text blocks of a `content`, which is a string or a list of blocks. */
function textsOf(content: unknown): string[] {
  if (typeof content === "string") return [content];
  const blocks = listOf(content).filter(isObject);
  return blocks.filter((block) => block["type"] === "text").map((block) => textOr(block["text"], ""));
}

function attachmentsOf(message: JsonObject): string[] {
  return blocksOf(message)
    .map(describeAttachment)
    .filter((words) => words !== undefined);
}

function blocksOf(message: JsonObject): readonly JsonObject[] {
  return listOf(message["content"]).filter(isObject);
}

function callsOf(message: JsonObject): { id: string; name: string; input: JsonObject }[] {
  return blocksOf(message)
    .filter((block) => block["type"] === "tool_use")
    .map((block) => ({
      id: textOr(block["id"], ""),
      name: textOr(block["name"], ""),
      input: isObject(block["input"]) ? block["input"] : {},
    }));
}

function resultsOf(messages: readonly JsonObject[]): ToolResult[] {
  const calls = new Map(messages.flatMap(callsOf).map((call) => [call.id, call]));
  return messages
    .flatMap(blocksOf)
    .filter((block) => block["type"] === "tool_result")
    .map((block) => {
      const call = calls.get(textOr(block["tool_use_id"], ""));
      const text = [...textsOf(block["content"]), ...attachmentsOf(block)].join("\n");
      return { name: call?.name ?? "?", input: call?.input ?? {}, text, isError: block["is_error"] === true };
    });
}

function readSystem(system: unknown): string {
  const texts = textsOf(system).filter((text) => !BILLING_LINE.test(text));
  return texts.join("\n\n");
}

function readSchema(outputConfig: unknown): JsonObject | undefined {
  const format = isObject(outputConfig) ? outputConfig["format"] : undefined;
  const schema = isObject(format) ? format["schema"] : undefined;
  return isObject(schema) ? schema : undefined;
}

function outputSchemaOf({ name, input_schema: schema }: JsonObject): JsonObject | undefined {
  return name === OUTPUT_TOOL && isObject(schema) ? schema : undefined;
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}
