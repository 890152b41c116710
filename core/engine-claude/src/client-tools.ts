import type { McpSdkServerConfigWithInstance } from "@anthropic-ai/claude-agent-sdk";
import { GatewayError } from "@claudeway/ports";
import type { ClientTools, McpServers } from "@claudeway/schemas";

/** The MCP server under which the CLI has the tools of clients. */
const SERVER = "client";
const PREFIX = `mcp__${SERVER}__`;
/** The calls of client tools, as the CLI's hooks match names. */
export const CLIENT_TOOL_MATCHER = `${PREFIX}.*`;

/** The name of a client tool for the model. */
export function clientToolName(name: string): string {
  return PREFIX + name;
}

/** The client's name of a tool; undefined if the tool is not the client's. */
export function clientToolOf(tool: string): string | undefined {
  return tool.startsWith(PREFIX) ? tool.slice(PREFIX.length) : undefined;
}

interface Mcp {
  readonly McpServer: typeof import("@modelcontextprotocol/sdk/server/mcp.js").McpServer;
  readonly ListToolsRequestSchema: typeof import("@modelcontextprotocol/sdk/types.js").ListToolsRequestSchema;
}

let mcp: Mcp | undefined;

/** Loads the MCP SDK before the first process with client tools. */
export async function loadMcp(): Promise<void> {
  if (mcp !== undefined) return;
  const [{ McpServer }, { ListToolsRequestSchema }] = await Promise.all([
    import("@modelcontextprotocol/sdk/server/mcp.js"),
    import("@modelcontextprotocol/sdk/types.js"),
  ]);
  mcp = { McpServer, ListToolsRequestSchema };
}

/**
 * The server that shows a process the tools. It runs none: a hook defers every call before. Throws BAD_REQUEST if there is an
 * MCP server of that name, and an error before `loadMcp`.
 */
export function clientServer(
  tools: ClientTools,
  others: McpServers = {},
): Readonly<Record<string, McpSdkServerConfigWithInstance>> {
  if (mcp === undefined) throw new Error("the MCP SDK must be loaded before client tools are offered");
  if (Object.hasOwn(others, SERVER))
    throw new GatewayError(
      "BAD_REQUEST",
      `mcp_servers must not contain "${SERVER}" together with client_tools, which the model sees under that name`,
    );
  const instance = new mcp.McpServer({ name: SERVER, version: "1" });
  instance.server.registerCapabilities({ tools: {} });
  const listed = Object.entries(tools).map(([name, { description, input_schema: schema }]) => ({
    name,
    description: description ?? "",
    inputSchema: { ...schema, type: "object" as const },
    // The CLI asks about all calls of a message together only if they change nothing.
    annotations: { readOnlyHint: true },
    // Otherwise the model would have to search for it first.
    _meta: { "anthropic/alwaysLoad": true },
  }));
  instance.server.setRequestHandler(mcp.ListToolsRequestSchema, () => ({ tools: listed }));
  return { [SERVER]: { type: "sdk", name: SERVER, instance } };
}
