import { isAbsolute } from "node:path";
import type { PluginFields, TurnOptions } from "@claudeway/ports";
import {
  isObject,
  type SessionStartRequest,
  type SessionTurnRequest,
  type TaskRequest,
  validate,
} from "@claudeway/schemas";
import type { FieldChanges } from "./request-fields.js";

/** The fields of a request that are options of turns. */
export type OptionFields = Pick<
  TaskRequest & SessionTurnRequest & SessionStartRequest,
  | "append_system_prompt"
  | "fallback_model"
  | "effort"
  | "thinking"
  | "tools"
  | "allowed_tools"
  | "disallowed_tools"
  | "mcp_servers"
  | "client_tools"
  | "single_client_call"
  | "agents"
  | "additional_dirs"
  | "permission_mode"
  | "max_turns"
  | "output_schema"
> & { readonly pluginFields?: PluginFields | FieldChanges };

/** The same in a request that changes a session's defaults. */
export type OptionChanges = {
  readonly [Field in Exclude<keyof OptionFields, "pluginFields">]?: OptionFields[Field] | null;
} & Pick<OptionFields, "pluginFields">;

/** Each option's field in requests. */
const FIELDS = {
  appendSystemPrompt: "append_system_prompt",
  fallbackModel: "fallback_model",
  effort: "effort",
  thinking: "thinking",
  tools: "tools",
  allowedTools: "allowed_tools",
  disallowedTools: "disallowed_tools",
  mcpServers: "mcp_servers",
  clientTools: "client_tools",
  singleClientCall: "single_client_call",
  agents: "agents",
  additionalDirs: "additional_dirs",
  permissionMode: "permission_mode",
  maxTurns: "max_turns",
  outputSchema: "output_schema",
} as const satisfies { readonly [K in Exclude<keyof TurnOptions, "pluginFields">]-?: keyof OptionFields };

const OPTIONS = Object.entries(FIELDS);

/** The options among the fields of a request, without the fields of plugins. */
export function optionsOf(fields: OptionFields): TurnOptions {
  const entries = [];
  // Most requests have none.
  for (const [option, field] of OPTIONS) {
    const value = fields[field];
    if (value !== undefined) entries.push([option, value]);
  }
  return Object.fromEntries(entries);
}

/** Whether a plugin's value has the shape of options: that of the fields of a request. */
export function isTurnOptions(value: unknown): value is TurnOptions {
  if (!isObject(value)) return false;
  const { pluginFields = {}, ...own } = value;
  if (!isObject(pluginFields) || !Object.values(pluginFields).every(isObject)) return false;
  const fields = Object.entries(own).map(([option, setting]) => [fieldOf(option) ?? option, setting]);
  const { additional_dirs: dirs = [], ...rest } = Object.fromEntries(fields);
  const isAbsoluteList =
    Array.isArray(dirs) && dirs.every((dir) => typeof dir === "string" && isAbsolute(dir));
  return isAbsoluteList && validate("session-turn-request", { ...rest, prompt: "-" }).ok;
}

/** Options as the fields of a request. */
export function fieldsOf({ pluginFields, ...options }: TurnOptions): object {
  const entries = Object.entries(options).map(([option, value]) => [fieldOf(option) ?? option, value]);
  return { ...Object.fromEntries(entries), ...pluginFields };
}

export function fieldOf(option: string): keyof OptionFields | undefined {
  return OPTIONS.find(([name]) => name === option)?.[1];
}
