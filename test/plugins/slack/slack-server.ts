import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** The response to the next request. */
export type Behaviour =
  | {
      readonly status: number;
      readonly body?: string;
      readonly retryAfter?: number;
      readonly location?: string;
    }
  | "hang"
  | "cut"
  | "half";

export interface Posted {
  readonly path: string;
  readonly at: number;
  readonly payload: Payload;
}

export interface Payload {
  readonly text: string;
  readonly blocks: readonly Block[];
}

interface Block {
  readonly type: string;
  readonly text?: { readonly type: string; readonly text: string };
  readonly elements?: readonly Readonly<Record<string, unknown>>[];
}

/** A fake Slack webhook: accepts what Slack accepts, and fails on request. */
export class SlackServer {
  /** Accepted messages, in order. */
  readonly posted: Posted[] = [];
  /** All requests, including refused ones. */
  attempts = 0;
  /** Requests whose client still waits. */
  open = 0;
  readonly #behaviours: Behaviour[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  always: Behaviour | undefined;

  static async start(): Promise<SlackServer> {
    const server = new SlackServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  url(path = "/services/T000/B000/secret"): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return `http://127.0.0.1:${address.port}${path}`;
  }

  /** Sets the responses to the next requests; then as usual. */
  next(...behaviours: Behaviour[]): void {
    this.#behaviours.push(...behaviours);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    this.attempts++;
    this.open++;
    response.once("close", () => this.open--);
    const behaviour = this.#behaviours.shift() ?? this.always ?? { status: 200, body: "ok" };
    if (behaviour === "hang") return;
    if (behaviour === "cut") return void request.socket.destroy();
    if (behaviour === "half") {
      response.writeHead(200, { "content-length": "100" });
      response.write("o");
      setTimeout(() => request.socket.destroy(), 20);
      return;
    }
    const payload: Payload = JSON.parse(Buffer.concat(chunks).toString());
    const wrong = behaviour.status === 200 ? complaint(payload) : undefined;
    const status = wrong === undefined ? behaviour.status : 400;
    if (status === 200) this.posted.push({ path: request.url ?? "", at: performance.now(), payload });
    const headers = {
      ...(behaviour.retryAfter === undefined ? {} : { "retry-after": String(behaviour.retryAfter) }),
      ...(behaviour.location === undefined ? {} : { location: behaviour.location }),
    };
    response.writeHead(status, headers).end(wrong ?? behaviour.body ?? "");
  }
}

/** Slack's error for a message that it would refuse. */
export function complaint({ text, blocks }: Payload): string | undefined {
  if (typeof text !== "string" || text.length > 40_000) return "msg_too_long";
  if (text === "" && blocks.length === 0) return "no_text";
  const sound = blocks.length <= 50 && blocks.every(isSound) && JSON.stringify(blocks).length < 100_000;
  return sound ? undefined : "invalid_blocks";
}

function isSound({ type, text, elements = [] }: Block): boolean {
  switch (type) {
    case "header":
      return text?.type === "plain_text" && text.text.length > 0 && text.text.length <= 150;
    case "section":
      return text !== undefined && text.text.length > 0 && text.text.length <= 3000;
    case "context":
      return (
        elements.length <= 10 && elements.every(({ text }) => typeof text === "string" && text.length <= 3000)
      );
    case "actions":
      return elements.every(({ url }) => typeof url === "string" && url.length <= 3000 && URL.canParse(url));
    case "rich_text":
      return JSON.stringify(elements).length < 20_000;
    default:
      return false;
  }
}
