import { once } from "node:events";
import { createServer, type IncomingMessage, request as open, type Server } from "node:http";
import { pipeline } from "node:stream";
import { listeningPort } from "./address.js";

/** A proxy that sends each request to the next of several gateways, as a load balancer does that knows no sessions. */
export class TurnAbout {
  #next = 0;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(urls: readonly string[]): Promise<TurnAbout> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    const proxy = new TurnAbout(server, `http://127.0.0.1:${await listeningPort(server)}`);
    const hop = ({ method, url = "/", headers }: IncomingMessage) => {
      const to = urls[proxy.#next++ % urls.length];
      return open(new URL(url, to), { method, headers, agent: false });
    };
    server.on("request", (request, response) => {
      const sent = hop(request);
      response.once("close", () => sent.destroy());
      sent.on("error", () => response.destroy());
      sent.once("response", (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        pipeline(answer, response, () => undefined);
      });
      pipeline(request, sent, () => undefined);
    });
    return proxy;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}
