import type { ClientTools } from "@claudeway/core";
import { type Fields, invalid, isFields } from "./fields.js";

/** A tool of a request. */
export interface NamedTool {
  readonly name: string;
  readonly description: string | undefined;
  /** The JSON Schema of its input. */
  readonly schema: Fields;
}

/** Tools that the model may call or not: the turn ends with its calls. */
export interface OfferedTools {
  readonly tools: ClientTools;
  /** At most one call per answer. */
  readonly single: boolean;
}

/** A call that the answer must be. No option of the CLI forces one, so that the model fills its input in as structured output. */
export interface ForcedCall {
  readonly schema: Fields;
  /** The call that an output stands for. */
  read(output: Fields): { readonly name: string; readonly input: Fields };
}

/** What a request wants of its tools; nothing if none may be called. */
export interface ToolChoice {
  readonly offered?: OfferedTools;
  readonly forced?: ForcedCall;
}

export interface ChoiceRequest {
  readonly tools: readonly NamedTool[];
  /** `named`: the tool that `name` says. */
  readonly choice: "none" | "auto" | "required" | "named";
  readonly name?: string;
  readonly single: boolean;
  /** What happens to tools that the model may choose to call. */
  readonly setting: "call" | "ignore" | "refuse";
  /** The field of the choice, for errors. */
  readonly param: string;
}

const MAX_TOOLS = 128;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Throws for tools that can't be offered as the request wants it. */
export function chooseTools(request: ChoiceRequest): ToolChoice {
  const { tools, choice, single, setting, param } = request;
  if (tools.length > MAX_TOOLS)
    throw invalid("tools", `must have at most ${MAX_TOOLS} items, got ${tools.length}`);
  if (tools.length === 0 || choice === "none") return {};
  if (choice === "named") return { forced: forcedTool(named(request)) };
  const [first] = tools;
  if (choice === "required" && first !== undefined)
    return { forced: tools.length === 1 ? forcedTool(first) : forcedChoice(tools, param) };
  if (setting === "ignore") return {};
  if (setting === "refuse")
    throw invalid(
      "tools",
      'must be forced by the choice of a tool, since the plugin\'s setting tools is "refuse"; remove them, or set it to "call"',
      "unsupported_parameter",
    );
  return { offered: { tools: Object.fromEntries(tools.map(offeredTool)), single } };
}

function offeredTool({ name, description, schema }: NamedTool): [string, ClientTools[string]] {
  return [name, { ...(description !== undefined && { description }), input_schema: { ...schema } }];
}

function named({ tools, name = "", param }: ChoiceRequest): NamedTool {
  const tool = tools.find((one) => one.name === name);
  if (tool !== undefined) return tool;
  throw invalid(param, `must name one of the tools, got ${JSON.stringify(name.slice(0, 100))}`);
}

function forcedTool({ name, schema }: NamedTool): ForcedCall {
  return { schema, read: (input) => ({ name, input }) };
}

/** One of several tools: an object with its name and its input. */
function forcedChoice(tools: readonly NamedTool[], param: string): ForcedCall {
  const referring = tools.find(({ schema }) => JSON.stringify(schema).includes('"$ref"'));
  if (referring !== undefined)
    throw invalid(
      param,
      `must be auto, none or a named tool, because the schema of ${referring.name} has $ref`,
      "unsupported_parameter",
    );
  const choices = tools.map(({ name, description, schema }) => ({
    type: "object",
    ...(description !== undefined && { description }),
    properties: { name: { const: name }, input: { ...schema, type: "object" } },
    required: ["name", "input"],
    additionalProperties: false,
  }));
  return {
    schema: {
      type: "object",
      description: "The tool to call, and its input.",
      properties: { call: { anyOf: choices } },
      required: ["call"],
      additionalProperties: false,
    },
    read: ({ call }) => {
      const { name, input } = isFields(call) ? call : {};
      return { name: String(name), input: isFields(input) ? input : {} };
    },
  };
}

/** The name of a tool at `param`. */
export function toolNameAt(name: unknown, param: string): string {
  if (typeof name === "string" && NAME.test(name)) return name;
  throw invalid(param, "must be a name of 1 to 64 letters, digits, _ and -");
}
