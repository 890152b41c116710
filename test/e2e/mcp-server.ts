import { createServer, type IncomingMessage } from "node:http";
import { listeningPort } from "./address.js";

/** An MCP server over HTTP with one tool, `add`, and what it was asked. */
export interface TestMcpServer {
  readonly url: string;
  /** Method and authorization of each request, oldest first. */
  readonly requests: readonly { readonly method: string; readonly authorization: string | undefined }[];
  close(): void;
}

interface McpRequest {
  readonly id?: number;
  readonly method: string;
  readonly params: {
    readonly protocolVersion?: string;
    readonly arguments?: { readonly a: number; readonly b: number };
  };
}

const ADD = {
  name: "add",
  description: "Adds two numbers.",
  inputSchema: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } },
  // A server's own word on its tools must not be trusted.
  annotations: { readOnlyHint: true },
};

export async function startMcpServer(): Promise<TestMcpServer> {
  const requests: { method: string; authorization: string | undefined }[] = [];
  const server = createServer(async (request, response) => {
    if (request.method !== "POST") {
      response.writeHead(405).end();
      return;
    }
    const message = await readJson(request);
    requests.push({ method: message.method, authorization: request.headers.authorization });
    if (message.id === undefined) {
      response.writeHead(202).end();
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result: resultOf(message) }));
  });
  server.listen(0, "127.0.0.1");
  return {
    url: `http://127.0.0.1:${await listeningPort(server)}/mcp`,
    requests,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function readJson(request: IncomingMessage): Promise<McpRequest> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

function resultOf({ method, params }: McpRequest): object {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: params.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: "test", version: "1.0.0" },
      };
    case "tools/list":
      return { tools: [ADD] };
    case "tools/call": {
      const { a = 0, b = 0 } = params.arguments ?? {};
      return { content: [{ type: "text", text: `the sum is ${a + b}` }] };
    }
    default:
      return {};
  }
}
