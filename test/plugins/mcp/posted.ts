import type { TestGateway } from "@claudeway/testing";

const ACCEPT = { accept: "application/json, text/event-stream" };

interface CallResult {
  readonly content: readonly { readonly text?: string }[];
  readonly structuredContent?: Readonly<Record<string, unknown>>;
  readonly isError?: boolean;
}

export const INITIALIZE = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

/** A session of the protocol in plain HTTP, without a client. */
export class Posted {
  #id = 0;

  private constructor(
    private readonly gateway: TestGateway,
    private readonly key: string,
    readonly sessionId: string,
  ) {}

  static async open(gateway: TestGateway, key: string): Promise<Posted> {
    const response = await gateway.fetch("/mcp", { body: INITIALIZE, headers: ACCEPT, key });
    const text = await response.text();
    const id = response.headers.get("mcp-session-id");
    if (id === null) throw new Error(`${response.status} ${text}`);
    return new Posted(gateway, key, id);
  }

  post(message: object, headers: Record<string, string> = {}, method = "POST"): Promise<Response> {
    return this.gateway.fetch("/mcp", {
      method,
      body: { jsonrpc: "2.0", ...message },
      headers: { ...ACCEPT, "mcp-session-id": this.sessionId, ...headers },
      key: this.key,
    });
  }

  /** The result of a tool call. */
  async call(name: string, args: object): Promise<CallResult> {
    this.#id += 1;
    const response = await this.post({
      id: this.#id,
      method: "tools/call",
      params: { name, arguments: args },
    });
    const text = await response.text();
    const [, data = ""] = /^data: (.*)$/m.exec(text) ?? [];
    if (data === "") throw new Error(`${response.status} ${text}`);
    return JSON.parse(data).result;
  }
}
