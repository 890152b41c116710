import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { watchedRaw } from "./exchanges.js";
import { KEYS, type TestGateway } from "./gateway.js";

/** An answer as it came. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly key?: string | null;
}

/** Sends what `fetch` won't: a GET with a body, an upgrade. The answer is held against the contract. */
export async function send(
  gateway: TestGateway,
  { method, path, headers, body, key = KEYS.admin }: RawRequest,
): Promise<RawAnswer> {
  const answer = await new Promise<RawAnswer>((resolve, reject) => {
    const request = httpRequest(gateway.url, {
      path,
      method,
      agent: false,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
        ...headers,
      },
    });
    request.once("error", reject);
    request.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.once("error", reject);
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: toHeaders(response.headers), body: text }),
      );
    });
    request.end(body);
  });
  await watchedRaw(answer, { method, path });
  return answer;
}

/** Sends bytes as they are and reads what comes until the end. */
export async function sendBytes(gateway: TestGateway, bytes: string): Promise<string> {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.setEncoding("utf8");
  socket.write(bytes);
  for await (const chunk of socket) text += chunk;
  return text;
}

/** Reads an answer that came as bytes. */
export function parseAnswer(text: string): RawAnswer {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = new Headers(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(statusLine.split(" ")[1]), headers, body: rest.join("\r\n\r\n") };
}

function toHeaders(given: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) headers.set(name, String(value));
  return headers;
}
