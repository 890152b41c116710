import {
  type ChoiceRequest,
  chooseTools,
  type Fields,
  fieldsAt,
  invalid,
  isOn,
  listAt,
  type NamedTool,
  nameOf,
  optionalFields,
  optionalText,
  type ToolChoice,
  textAt,
  toolNameAt,
} from "@claudeway/chat";
import type { AnthropicConfig } from "./config.js";

/** What a request wants of its tools. */
export function readTools(body: Fields, setting: AnthropicConfig["tools"]): ToolChoice {
  const tools = listAt(body["tools"] ?? [], "tools").map(toolAt);
  const {
    type = "auto",
    name,
    disable_parallel_tool_use: single,
  } = optionalFields(body["tool_choice"], "tool_choice");
  return chooseTools({
    tools,
    choice: choiceOf(type),
    ...(type === "tool" && { name: textAt(name, "tool_choice.name") }),
    single: isOn(single),
    setting,
    param: "tool_choice.name",
  });
}

const CHOICES = { none: "none", auto: "auto", any: "required", tool: "named" } as const;

function choiceOf(type: unknown): ChoiceRequest["choice"] {
  const found = Object.entries(CHOICES).find(([name]) => name === type);
  if (found !== undefined) return found[1];
  throw invalid("tool_choice.type", `must be none, auto, any or tool, got ${nameOf(type)}`);
}

function toolAt(tool: unknown, index: number): NamedTool {
  const at = `tools[${index}]`;
  const { type, name, description, input_schema: schema } = fieldsAt(tool, at);
  if (type !== undefined && type !== null && type !== "custom")
    throw invalid(
      `${at}.type`,
      `must be custom, got ${nameOf(type)}; Anthropic's own tools are not available`,
    );
  return {
    name: toolNameAt(name, `${at}.name`),
    description: optionalText(description, `${at}.description`),
    schema: fieldsAt(schema, `${at}.input_schema`),
  };
}
