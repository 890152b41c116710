import { type Fields, fieldsAt, invalid, listAt, textAt } from "@claudeway/chat";
import type { AnthropicConfig } from "./config.js";

/** A tool that the answer must be a call of: its input schema is that of a structured answer. */
export interface ForcedTool {
  readonly name: string;
  readonly schema: Fields;
}

/**
 * The tool that a request forces. Undefined if it has no tools, or none may be called. Throws if the model may choose,
 * unless such tools are to be ignored.
 */
export function forcedTool(body: Fields, choosable: AnthropicConfig["tools"]): ForcedTool | undefined {
  const { type, name } = choiceIn(body);
  const given = listAt(body["tools"] ?? [], "tools");
  if (given.length === 0 || type === "none") return undefined;
  if (type === "tool") return toolNamed(given.map(toolAt), textAt(name, "tool_choice.name"));
  const [only] = given;
  if (type === "any" && given.length === 1) return toolAt(only, 0);
  if (choosable === "ignore" && type !== "any") return undefined;
  throw invalid(
    "tools",
    "are not supported unless tool_choice forces one tool: Claude would have to choose. Remove them, or set " +
      'tools = "ignore" of the plugin anthropic',
  );
}

function choiceIn({ tool_choice: choice }: Fields): Fields {
  return choice === undefined || choice === null ? {} : fieldsAt(choice, "tool_choice");
}

function toolAt(tool: unknown, index: number): ForcedTool {
  const { name, input_schema: schema } = fieldsAt(tool, `tools[${index}]`);
  return {
    name: textAt(name, `tools[${index}].name`),
    schema: fieldsAt(schema, `tools[${index}].input_schema`),
  };
}

function toolNamed(tools: readonly ForcedTool[], name: string): ForcedTool {
  const tool = tools.find((one) => one.name === name);
  if (tool !== undefined) return tool;
  throw invalid("tool_choice.name", `must name one of the tools, got ${JSON.stringify(name.slice(0, 100))}`);
}
