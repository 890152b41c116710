import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { listeningPort } from "./address.js";

/** What an account answers; `spent`: its credit is used up; `busy`: too many requests; `down`: the API is overloaded. */
export type AccountState = "open" | "spent" | "busy" | "down";

/** One request for a message. */
export interface AccountRequest {
  /** The credential that it carried. */
  readonly credential: string;
  readonly status: number;
}

/** A model API where accounts can reach limits, in front of another one. Also as Vertex has it. */
export interface AccountGate {
  readonly url: string;
  /** By credential. */
  readonly states: Map<string, AccountState>;
  /** How many requests an account still answers before its state holds; by credential. */
  readonly left: Map<string, number>;
  readonly requests: AccountRequest[];
  close(): void;
}

const REFUSALS: Readonly<
  Record<Exclude<AccountState, "open">, { status: number; type: string; message: string }>
> = {
  spent: {
    status: 400,
    type: "invalid_request_error",
    message: "Your credit balance is too low to access the Anthropic API.",
  },
  busy: { status: 429, type: "rate_limit_error", message: "This request would exceed your rate limit." },
  down: { status: 529, type: "overloaded_error", message: "Overloaded" },
};

/** The credential of requests to Vertex, where the CLI signs none. */
export const VERTEX = "vertex";

export async function startAccountGate(target: string): Promise<AccountGate> {
  const states = new Map<string, AccountState>();
  const left = new Map<string, number>();
  const requests: AccountRequest[] = [];
  const server = createServer((request, response) => void serve(request, response));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const { path, body, credential } = asMessages(request, Buffer.concat(chunks).toString());
    const isMessage = /^\/v1\/messages(\?|$)/.test(path);
    const state = stateOf(credential);
    if (isMessage) requests.push({ credential, status: state === "open" ? 200 : REFUSALS[state].status });
    if (isMessage && state !== "open") {
      const { status, type, message } = REFUSALS[state];
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ type: "error", error: { type, message } }));
      return;
    }
    const { "content-length": _, ...headers } = request.headers;
    const onward = forward(target + path, { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, response, () => undefined);
    });
    onward.on("error", () => response.destroy());
    onward.end(body);
  }

  function stateOf(credential: string): AccountState {
    const n = left.get(credential);
    if (n === undefined || n <= 0) return states.get(credential) ?? "open";
    left.set(credential, n - 1);
    return "open";
  }

  server.listen(0, "127.0.0.1");
  const url = `http://127.0.0.1:${await listeningPort(server)}`;
  return {
    url,
    states,
    left,
    requests,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A request as the Messages API has it: Vertex has the model in its path. */
function asMessages(request: IncomingMessage, body: string) {
  const path = request.url ?? "";
  const model = /\/publishers\/anthropic\/models\/([^:]+):(?:streamR|r)awPredict/.exec(path)?.[1];
  if (model !== undefined) {
    const named = { ...JSON.parse(body), model: model.replace("@", "-") };
    return { path: "/v1/messages", body: JSON.stringify(named), credential: VERTEX };
  }
  const { "x-api-key": key, authorization = "" } = request.headers;
  return { path, body, credential: String(key ?? authorization.replace("Bearer ", "")) };
}
