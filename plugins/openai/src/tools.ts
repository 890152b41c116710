import {
  type ChoiceRequest,
  chooseTools,
  type Fields,
  type ForcedCall,
  fieldsAt,
  invalid,
  isFields,
  listAt,
  type NamedTool,
  nameOf,
  optionalText,
  schemaAt,
  type ToolChoice,
  textAt,
  toolNameAt,
} from "@claudeway/chat";
import type { OpenAIConfig } from "./config.js";

/** A function that the answer must be a call of. */
export interface ForcedFunction {
  readonly forced: ForcedCall;
  /** OpenAI's API reports `stop` where the function was named, `tool_calls` where any one was required. */
  readonly finish: "stop" | "tool_calls";
}

export interface FunctionChoice extends Pick<ToolChoice, "offered"> {
  readonly call: ForcedFunction | undefined;
}

/** What a request wants of its functions. */
export function readFunctions(body: Fields, setting: OpenAIConfig["tools"]): FunctionChoice {
  const tools = toolsOf(body);
  if (tools.length === 0) return { call: undefined };
  const choice = choiceIn(body["tool_choice"] ?? body["function_call"] ?? "auto");
  const single = body["parallel_tool_calls"] === false;
  const { forced, offered } = chooseTools({
    tools,
    ...choice,
    single,
    setting,
    param: "tool_choice",
  });
  const finish = choice.choice === "named" ? "stop" : "tool_calls";
  return { call: forced && { forced, finish }, ...(offered !== undefined && { offered }) };
}

function choiceIn(choice: unknown): Pick<ChoiceRequest, "choice" | "name"> {
  if (choice === "none" || choice === "auto" || choice === "required") return { choice };
  if (!isFields(choice))
    throw invalid("tool_choice", `must be none, auto, required or a function, got ${nameOf(choice)}`);
  if (choice["type"] === "allowed_tools")
    throw invalid(
      "tool_choice.type",
      "must be function; send only the allowed tools in tools",
      "unsupported_value",
    );
  const of = choice["function"] ?? choice;
  return {
    choice: "named",
    name: textAt(isFields(of) ? of["name"] : undefined, "tool_choice.function.name"),
  };
}

function toolsOf({ tools, functions }: Fields): NamedTool[] {
  const given = [
    ...listAt(tools ?? [], "tools").map((tool, index) => {
      const { type, function: of } = fieldsAt(tool, `tools[${index}]`);
      if (type !== "function")
        throw invalid(`tools[${index}].type`, `must be function, got ${nameOf(type)}`, "unsupported_value");
      return [of, `tools[${index}].function`] as const;
    }),
    ...listAt(functions ?? [], "functions").map((of, index) => [of, `functions[${index}]`] as const),
  ];
  return given.map(([of, at]) => {
    const { name, description, parameters } = fieldsAt(of, at);
    return {
      name: toolNameAt(name, `${at}.name`),
      description: optionalText(description, `${at}.description`),
      schema: schemaAt(parameters, `${at}.parameters`),
    };
  });
}
