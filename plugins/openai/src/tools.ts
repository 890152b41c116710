import { type Fields, fieldsAt, invalid, isFields, listAt, textAt } from "@claudeway/chat";
import type { OpenAIConfig } from "./config.js";

/** A function that the answer must be a call of: its parameters are the schema of a structured answer. */
export interface ForcedTool {
  readonly name: string;
  readonly schema: Fields;
  /** OpenAI's API reports `stop` where the function was named, `tool_calls` where any one was required. */
  readonly finish: "stop" | "tool_calls";
}

/**
 * The function that a request forces. Undefined if it has no tools, or none may be called. Throws if the model may choose,
 * unless such tools are to be ignored.
 */
export function forcedTool(body: Fields, choosable: OpenAIConfig["tools"]): ForcedTool | undefined {
  const tools = toolsOf(body);
  const choice = body["tool_choice"] ?? body["function_call"];
  if (tools.length === 0 || choice === "none") return undefined;
  const named = nameIn(choice);
  if (named !== undefined) return { ...toolNamed(tools, named), finish: "stop" };
  const [only] = tools;
  if (choice === "required" && tools.length === 1 && only !== undefined)
    return { ...only, finish: "tool_calls" };
  if (choosable === "ignore" && choice !== "required") return undefined;
  throw invalid(
    "tools",
    "are not supported unless tool_choice forces one function: Claude would have to choose. Remove them, or set " +
      'tools = "ignore" of the plugin openai',
    "unsupported_parameter",
  );
}

function toolsOf({ tools, functions }: Fields): Omit<ForcedTool, "finish">[] {
  const given = [
    ...listAt(tools ?? [], "tools").map((tool, index) => {
      const { type, function: of } = fieldsAt(tool, `tools[${index}]`);
      if (type !== "function") throw invalid(`tools[${index}].type`, "must be function", "unsupported_value");
      return [of, `tools[${index}].function`] as const;
    }),
    ...listAt(functions ?? [], "functions").map((of, index) => [of, `functions[${index}]`] as const),
  ];
  return given.map(([of, at]) => {
    const { name, parameters } = fieldsAt(of, at);
    return {
      name: textAt(name, `${at}.name`),
      schema: parameters === undefined ? { type: "object" } : fieldsAt(parameters, `${at}.parameters`),
    };
  });
}

/** The name in `{type: "function", function: {name}}`, or in the older `{name}`. */
function nameIn(choice: unknown): string | undefined {
  if (!isFields(choice)) return undefined;
  const of = choice["function"] ?? choice;
  return textAt(isFields(of) ? of["name"] : undefined, "tool_choice.function.name");
}

function toolNamed<T extends { readonly name: string }>(tools: readonly T[], name: string): T {
  const tool = tools.find((one) => one.name === name);
  if (tool !== undefined) return tool;
  throw invalid("tool_choice", `must name one of the tools, got ${JSON.stringify(name.slice(0, 100))}`);
}
