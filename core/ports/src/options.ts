import type { Agents, ClientTools, McpServers, Thinking } from "@claudeway/schemas";

export type Effort = "low" | "medium" | "high" | "xhigh" | "max";

/** Fields of plugins in requests, by the plugin's name. */
export type PluginFields = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What a turn may ask of the CLI besides its prompt, model and system prompt. The CLI's default applies to what is not set. */
export interface TurnOptions {
  /** Added to the end of the system prompt. */
  readonly appendSystemPrompt?: string | undefined;
  /** Models to try where the model is overloaded or unavailable, comma-separated. */
  readonly fallbackModel?: string | undefined;
  readonly effort?: Effort | undefined;
  readonly thinking?: Thinking | undefined;
  /** The available built-in tools; undefined: the CLI's own choice. */
  readonly tools?: readonly string[] | undefined;
  /** Tools that run without being asked about; where calls are denied or asked about they only limit `tools`. */
  readonly allowedTools?: readonly string[] | undefined;
  readonly disallowedTools?: readonly string[] | undefined;
  readonly mcpServers?: McpServers | undefined;
  /** Tools that the client runs, by name: a call ends the turn, and is in `client_calls` of its response. */
  readonly clientTools?: ClientTools | undefined;
  /** True: at most one call of a client tool per response. */
  readonly singleClientCall?: boolean | undefined;
  readonly agents?: Agents | undefined;
  /** Absolute paths of existing folders. */
  readonly additionalDirs?: readonly string[] | undefined;
  /** `plan`: nothing is changed. `default`, or undefined: as the gateway's approval mode says. */
  readonly permissionMode?: "default" | "plan" | undefined;
  /** A JSON Schema (2020-12) that the turn's structured output must match. */
  readonly outputSchema?: Readonly<Record<string, unknown>> | undefined;
  /** The largest number of requests to the model. */
  readonly maxTurns?: number | undefined;
  /** What the request has for plugins. The CLI does not get it. */
  readonly pluginFields?: PluginFields | undefined;
}
