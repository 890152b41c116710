import { Refusal } from "@claudeway/core";
import { RPC_CODES } from "./rpc-error.js";
import type { Sdk } from "./sdk.js";
import { createServer, type ServerParts } from "./server.js";
import type { Call } from "./tool.js";

/** Requests of a session that are answered at once. */
const MAX_CALLS = 64;

export type RequestId = string | number;

const ADOPTION = {
  jsonrpc: "2.0",
  id: "adoption",
  method: "initialize",
  params: {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "another gateway", version: "1" },
  },
};

export interface SessionOptions {
  readonly id: string;
  readonly keyId: string;
}

/** What comes with a request. */
export interface PostedMessage {
  readonly headers: Headers;
  /** The JSON-RPC message, not validated. */
  readonly message: unknown;
}

/** A protocol session of one client. Only the key that began it may use it. */
export class McpSession {
  readonly id: string;
  readonly keyId: string;
  usedAt = Date.now();
  readonly #calls = new Map<RequestId, Call & { readonly abort: AbortController }>();
  readonly #transport: InstanceType<Sdk["Transport"]>;
  readonly #server: ReturnType<typeof createServer>;
  #onUnused: (() => void) | undefined;

  constructor(sdk: Sdk, parts: ServerParts, { id, keyId }: SessionOptions) {
    this.id = id;
    this.keyId = keyId;
    this.#transport = new sdk.Transport({ sessionIdGenerator: () => id });
    this.#server = createServer(sdk, parts, (requestId) => this.#callOf(requestId));
    this.#server.onerror = (error) => parts.log.debug({ err: error }, "a request of an MCP client failed");
  }

  open(): Promise<void> {
    return this.#server.connect(this.#transport);
  }

  /** Goes on with a session that another gateway initialized. What its client said then is not needed. */
  async adopt(): Promise<void> {
    await this.open();
    const headers = new Headers({
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
    });
    const response = await this.post({ headers, message: ADOPTION });
    await response.text();
  }

  /** How many requests are being answered. */
  get calls(): number {
    return this.#calls.size;
  }

  /** Answers a message. */
  post({ headers, message }: PostedMessage): Promise<Response> {
    this.usedAt = Date.now();
    // Only the headers and the body count.
    const request = new Request("http://localhost/mcp", { method: "POST", headers });
    return this.#transport.handleRequest(request, { parsedBody: message });
  }

  /** Registers a request; its signal aborts when `end` is called: when its answer is sent or its client disconnects. */
  begin(
    requestId: RequestId,
    call: Omit<Call, "signal">,
  ): { readonly signal: AbortSignal; readonly end: () => void } {
    if (this.#calls.has(requestId))
      throw new Refusal(400, `a request with the id ${JSON.stringify(requestId)} is being answered`);
    if (this.#calls.size >= MAX_CALLS)
      throw new Refusal(429, `at most ${MAX_CALLS} requests of a session are answered at once`);
    const abort = new AbortController();
    this.#calls.set(requestId, { ...call, abort, signal: abort.signal });
    const end = () => {
      this.usedAt = Date.now();
      this.#calls.delete(requestId);
      abort.abort();
      if (this.#calls.size === 0) this.#onUnused?.();
    };
    return { signal: abort.signal, end };
  }

  /** The client does not want the answer any more. False: the request is not being answered here. */
  async cancel(requestId: RequestId): Promise<boolean> {
    const call = this.#calls.get(requestId);
    if (call === undefined) return false;
    call.abort.abort();
    // A cancelled request has no answer, so nothing else ends its stream.
    this.#transport.closeSSEStream(requestId);
    const error = { code: RPC_CODES.refused, message: "cancelled" };
    // Rejects, since there is no stream; but the transport forgets the request.
    await this.#transport.send({ jsonrpc: "2.0", id: requestId, error }).catch(() => undefined);
    return true;
  }

  /** Calls it when the last of the requests that are being answered has ended. */
  onUnused(unused: () => void): void {
    this.#onUnused = unused;
  }

  async close(): Promise<void> {
    for (const { abort } of this.#calls.values()) abort.abort();
    await this.#server.close();
  }

  #callOf(requestId: RequestId): Call {
    const call = this.#calls.get(requestId);
    if (call === undefined) throw new Error(`the request ${JSON.stringify(requestId)} is not being answered`);
    return call;
  }
}
