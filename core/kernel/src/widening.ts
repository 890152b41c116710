import { type ApprovalMode, GatewayError, type TurnOptions } from "@claudeway/ports";
import type { Agents } from "@claudeway/schemas";

/** The fields that widen what Claude may do: `[keys.<id>] allow` names those that a key may send. */
export type WideningField = "mcp_servers" | "agents" | "tools" | "allowed_tools" | "additional_dirs";

/** The fields of these options that widen what Claude may do. Agents with MCP servers of their own count as both. */
export function wideningFields(options: TurnOptions): WideningField[] {
  const agentServers = Object.values(options.agents ?? {}).some(({ mcpServers }) => mcpServers !== undefined);
  const present: Readonly<Record<WideningField, boolean>> = {
    mcp_servers: options.mcpServers !== undefined || agentServers,
    agents: options.agents !== undefined,
    // No tools at all can only narrow.
    tools: options.tools !== undefined && options.tools.length > 0,
    allowed_tools: options.allowedTools !== undefined,
    additional_dirs: options.additionalDirs !== undefined,
  };
  return WIDENING.filter((field) => present[field]);
}

const WIDENING: readonly WideningField[] = [
  "mcp_servers",
  "agents",
  "tools",
  "allowed_tools",
  "additional_dirs",
];

/**
 * What is left of the options where calls are denied or asked about: nothing in them may let a call run unasked. Throws
 * FORBIDDEN for MCP servers that are programs: starting one runs a command.
 */
export function narrowed(options: TurnOptions, mode: ApprovalMode): TurnOptions {
  if (mode === "bypass") return options;
  refusePrograms(options, mode);
  const { allowedTools, agents, ...rest } = options;
  return {
    ...rest,
    ...(agents !== undefined && { agents: narrowedAgents(agents) }),
    ...(allowedTools !== undefined && { tools: limitedTools(allowedTools, options.tools) }),
  };
}

function refusePrograms({ mcpServers = {} }: TurnOptions, mode: ApprovalMode): void {
  const program = Object.entries(mcpServers).find(([, server]) => "command" in server);
  if (program === undefined) return;
  throw new GatewayError(
    "FORBIDDEN",
    `mcp_servers.${program[0]} must be an http or sse server: a stdio server runs a command, ` +
      `and in the approval mode "${mode}" no command runs unasked`,
  );
}

function narrowedAgents(agents: Agents): Agents {
  return Object.fromEntries(
    Object.entries(agents).map(
      ([name, { permissionMode: _mode, mcpServers: _servers, memory: _memory, ...agent }]) => [name, agent],
    ),
  );
}

/** The built-in tools that the rules name, such as Bash in `Bash(git log:*)`; of `tools`, if given, those among them. */
function limitedTools(rules: readonly string[], tools: readonly string[] | undefined): readonly string[] {
  const named = new Set(rules.map((rule) => rule.replace(/\(.*$/s, "").trim()));
  const builtIn = [...named].filter((name) => !name.startsWith("mcp__"));
  return tools === undefined ? builtIn : tools.filter((tool) => named.has(tool));
}
