import { createServer, request as forward } from "node:http";
import { listeningPort } from "./address.js";

/** A model API with a usage limit in front of another one. */
export interface LimitedModel {
  readonly url: string;
  /** `rejected`: no request for a message gets through. */
  state: "allowed_warning" | "rejected";
  close(): void;
}

/** Login of a subscription: the CLI reads limits only with one. */
export const SUBSCRIPTION = { ANTHROPIC_API_KEY: undefined, CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-test" };

/** Adds the headers of a five-hour limit that resets at `resetsAt` to each answer of `target`. */
export async function startLimitedModel(target: string, resetsAt: Date): Promise<LimitedModel> {
  const server = createServer((request, response) => {
    const onward = forward(
      target + request.url,
      { method: request.method, headers: request.headers },
      (answer) => {
        const isRefused = model.state === "rejected" && request.url?.startsWith("/v1/messages") === true;
        const headers = { ...answer.headers, ...limitHeaders(model.state, resetsAt) };
        if (!isRefused) {
          response.writeHead(answer.statusCode ?? 502, headers);
          answer.pipe(response);
          return;
        }
        answer.resume();
        response.writeHead(429, {
          ...limitHeaders(model.state, resetsAt),
          "content-type": "application/json",
          "x-should-retry": "false",
        });
        response.end('{"type":"error","error":{"type":"rate_limit_error","message":"limit"}}');
      },
    );
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  const model: LimitedModel = {
    url: `http://127.0.0.1:${await listeningPort(server)}`,
    state: "allowed_warning",
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
  return model;
}

function limitHeaders(state: LimitedModel["state"], resetsAt: Date): Record<string, string> {
  const reset = String(Math.floor(resetsAt.getTime() / 1000));
  return {
    "anthropic-ratelimit-unified-status": state,
    "anthropic-ratelimit-unified-reset": reset,
    "anthropic-ratelimit-unified-representative-claim": "five_hour",
    "anthropic-ratelimit-unified-5h-utilization": "0.93",
    "anthropic-ratelimit-unified-5h-reset": reset,
    "anthropic-ratelimit-unified-5h-surpassed-threshold": "0.9",
  };
}
