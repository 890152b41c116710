import { createServer, request as forward, type IncomingHttpHeaders } from "node:http";
import { pipeline } from "node:stream";
import { listeningPort } from "./address.js";

/** A server that hands everything on and keeps what was sent. */
export interface Wiretap {
  readonly url: string;
  /** The bodies of the requests, oldest first. */
  readonly bodies: readonly string[];
  /** Their headers. */
  readonly headers: readonly IncomingHttpHeaders[];
  close(): void;
}

export async function startWiretap(target: string): Promise<Wiretap> {
  const bodies: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    const onward = forward(
      target + request.url,
      { method: request.method, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        pipeline(answer, response, () => undefined);
      },
    );
    onward.on("error", () => response.destroy());
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      bodies.push(body);
      headers.push(request.headers);
      onward.end(body);
    });
  });
  server.listen(0, "127.0.0.1");
  const url = `http://127.0.0.1:${await listeningPort(server)}`;
  return {
    url,
    bodies,
    headers,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
