import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { type CallToolResult, CallToolResultSchema, type Progress } from "@modelcontextprotocol/sdk/types.js";
import { TestGateway } from "../../e2e/gateway.js";

/** A gateway with the plugin, which asks a person about `touch`. */
export function startGateway(): Promise<TestGateway> {
  return TestGateway.start({
    env: { IS_SANDBOX: "1" },
    args: ["--enable-plugin", "mcp"],
    config: `
[plugins.approval]
enabled = true
rules = [{ ask = "Bash(touch *)" }, { allow = "Bash" }, { allow = "Write" }]
`,
  });
}

/** The MCP client of the official SDK, connected to a gateway. */
export class McpClient {
  readonly client = new Client({ name: "test", version: "1.0.0" });

  private constructor(readonly transport: StreamableHTTPClientTransport) {}

  static async connect(url: string, secret: string): Promise<McpClient> {
    const headers = { authorization: `Bearer ${secret}` };
    const mcp = new McpClient(
      new StreamableHTTPClientTransport(new URL("/mcp", url), { requestInit: { headers } }),
    );
    await mcp.client.connect({
      start: () => mcp.transport.start(),
      send: (message) => mcp.transport.send(message),
      close: () => mcp.transport.close(),
      set onmessage(listener: StreamableHTTPClientTransport["onmessage"] & object) {
        mcp.transport.onmessage = listener;
      },
      set onclose(listener: StreamableHTTPClientTransport["onclose"] & object) {
        mcp.transport.onclose = listener;
      },
      set onerror(listener: StreamableHTTPClientTransport["onerror"] & object) {
        mcp.transport.onerror = listener;
      },
      setProtocolVersion: (version) => mcp.transport.setProtocolVersion(version),
    });
    return mcp;
  }

  get sessionId(): string {
    return this.transport.sessionId ?? "";
  }

  /** Calls a tool. */
  async call(
    name: string,
    args: Record<string, unknown> = {},
    options: { readonly signal?: AbortSignal; readonly onprogress?: (progress: Progress) => void } = {},
  ): Promise<CallToolResult> {
    const request = { method: "tools/call" as const, params: { name, arguments: args } };
    return this.client.request(request, CallToolResultSchema, {
      ...options,
      timeout: 120_000,
      resetTimeoutOnProgress: true,
    });
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

/** The text of a result. */
export function textOf({ content }: CallToolResult): string {
  return content.map((part) => (part.type === "text" ? part.text : part.type)).join("\n");
}

/** What a result says to programs. */
export function dataOf({ structuredContent = {} }: CallToolResult): Readonly<Record<string, unknown>> {
  return structuredContent;
}
