import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { request as httpsRequest } from "node:https";
import { expect } from "chai";
import { KEYS } from "./gateway.js";
import { eventually } from "./poll.js";
import type { RunningProxy } from "./proxy-kit.js";

/** What came back. */
export interface Received {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** The same, and when. */
export interface Answer extends Received {
  /** When its first piece came, in ms since the request. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** What is sent; GET without a body. */
export interface Sent {
  readonly method?: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A task with this prompt. */
export const task = (prompt: string) => ({
  body: JSON.stringify({ prompt }),
  headers: { authorization: `Bearer ${KEYS.admin}`, "content-type": "application/json" },
});

/** The JSON of an answer that has this status. */
export function json({ status, headers, text }: Received, expected: number): Record<string, unknown> {
  expect(status, text).to.equal(expected);
  expect(headers["content-type"], text).to.match(/^application\/json/);
  return JSON.parse(text);
}

/** An answer of a proxy whose gateway may have received the prompt: a client must not simply repeat it. */
export function expectUnknown(answer: Received): void {
  const { code, error } = json(answer, 502);
  expect(code).to.equal("BAD_GATEWAY");
  expect(error).to.contain("a turn may have run").and.contain("GET /tasks").and.contain("Idempotency-Key");
  expect(answer.headers["retry-after"]).to.equal(undefined);
  // The clients of OpenAI and Anthropic repeat a 502 otherwise.
  expect(answer.headers["x-should-retry"]).to.equal("false");
}

/** An answer of a proxy that reached no gateway: the client may repeat its prompt. */
export function expectNotBegun(answer: Received): void {
  expect(json(answer, 503)["code"]).to.equal("UNAVAILABLE");
  expect(answer.headers["retry-after"]).to.equal("5");
  expect(answer.headers["x-should-retry"]).to.equal(undefined);
}

/** Sends a request over HTTP/2. */
export async function ask(proxy: RunningProxy, path: string, sent: Sent = {}): Promise<Answer> {
  // In MB. With a larger body than that, Node drops a response that comes before the body's end.
  const session = connect(proxy.url, { ca: proxy.certificate, maxSessionMemory: 64 });
  try {
    return await overHttp2(session, path, sent);
  } finally {
    session.close();
  }
}

async function overHttp2(
  session: ClientHttp2Session,
  path: string,
  { body, headers, method }: Sent,
): Promise<Answer> {
  const startedAt = performance.now();
  const since = () => performance.now() - startedAt;
  const stream = session.request({ ...headers, ":path": path, ":method": method ?? methodOf(body) });
  const failed = once(session, "error").then(([error]) => Promise.reject(error));
  failed.catch(() => undefined);
  // A server that has answered before the end of a large body may refuse the rest of it.
  stream.on("error", () => undefined);
  stream.end(body);
  const [answered] = await Promise.race([once(stream, "response"), failed]);
  let text = "";
  let firstMs = 0;
  stream.setEncoding("utf8");
  stream.on("data", (piece: string) => {
    firstMs ||= since();
    text += piece;
  });
  await Promise.race([once(stream, "close"), failed]);
  return { status: Number(answered[":status"]), headers: answered, text, firstMs, lastMs: since() };
}

/** Sends a request over HTTP/1.1. */
export function askHttp1(
  proxy: RunningProxy,
  path: string,
  { body, headers, method }: Sent = {},
): Promise<Answer> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const request = httpsRequest(`${proxy.url}${path}`, {
      ca: proxy.certificate,
      method: method ?? methodOf(body),
      headers: { ...headers },
      agent: false,
    });
    let answered = false;
    request.on("error", (error) => answered || reject(error));
    request.on("response", async (response) => {
      answered = true;
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.once("error", reject);
      await once(response, "end");
      const ms = performance.now() - startedAt;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text, firstMs: ms, lastMs: ms });
    });
    request.end(body);
  });
}

/**
 * The same for a request that is refused before all of it has been read. A proxy hangs up soon after such an answer (Caddy after
 * half a second), and a client that is slower loses it: then it asks again.
 */
export function askRefused(proxy: RunningProxy, path: string, sent: Sent): Promise<Answer> {
  return eventually("an answer", () =>
    askHttp1(proxy, path, sent).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") throw error;
      return undefined;
    }),
  );
}

function methodOf(body: string | Buffer | undefined): string {
  return body === undefined ? "GET" : "POST";
}
