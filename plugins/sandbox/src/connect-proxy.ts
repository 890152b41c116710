import { chmodSync } from "node:fs";
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect, type Socket } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import type { AllowedHosts, Destination } from "./allowed-hosts.js";

/** Connections of one key at once. */
const MAX_CONNECTIONS = 512;
/** Refusals of one key that are logged in a minute, and how much of a host's name: callers decide how many there are. */
const MAX_LOGGED = 60;
const MINUTE_MS = 60_000;
const MAX_HOST_CHARS = 253;
/** How long a connection to a host may take, in ms. */
const CONNECT_MS = 30_000;
/** Fields that are between a client and a proxy only: RFC 9110, 7.6.1. */
const HOP = [
  "connection",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
];

/** What is asked for each connection. */
interface Rules {
  readonly hosts: AllowedHosts;
  readonly log: { info(fields: object, message: string): void };
}

/** A proxy for one key on a socket in the file system: CONNECT, and plain HTTP, to allowed hosts only. */
export class ConnectProxy {
  readonly #server: Server;
  readonly #open = new Set<Duplex>();
  #logged = { since: performance.now(), count: 0 };

  private constructor(private readonly rules: () => Rules) {
    this.#server = createServer((request, response) => void this.#plain(request, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
    // A long answer of the model is one request.
    this.#server.requestTimeout = 0;
    this.#server.on("connect", (request, socket, head) => void this.#tunnel(request, socket, head));
    this.#server.on("upgrade", (_request, socket) => socket.destroy());
    this.#server.on("connection", (socket) => this.#keep(socket));
  }

  /** @param rules those in force when it is called */
  static async listen(path: string, rules: () => Rules): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(rules);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject).listen(path, resolve);
    });
    try {
      // The CLI may be another user. Nobody else knows the path.
      chmodSync(path, 0o666);
    } catch (error) {
      proxy.close();
      throw error;
    }
    return proxy;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
  }

  #keep(socket: Duplex): void {
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    socket.on("error", () => socket.destroy());
  }

  async #tunnel(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const [, host = "", port = ""] = /^(.+):(\d{1,5})$/.exec(request.url ?? "") ?? [];
    const found = await this.#find(host, Number(port));
    // There is no event for a client that has left meanwhile.
    if (socket.destroyed) return;
    if (typeof found === "string") {
      socket.end(`HTTP/1.1 ${found}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const remote = this.#connect(found, () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      if (head.length > 0) remote.write(head);
      pipeline(socket, remote, () => undefined);
      pipeline(remote, socket, () => undefined);
    });
    remote.once("error", () => socket.destroy());
    socket.once("close", () => remote.destroy());
  }

  #connect({ address: host, port }: Destination, connected: () => void): Socket {
    const remote = connect({ host, port });
    this.#keep(remote);
    remote.setTimeout(CONNECT_MS, () => remote.destroy());
    remote.once("connect", () => {
      remote.setTimeout(0);
      connected();
    });
    return remote;
  }

  async #plain(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.canParse(request.url ?? "") ? new URL(request.url ?? "") : undefined;
    const found =
      url?.protocol === "http:" ? await this.#find(url.hostname, Number(url.port || 80)) : "400 Bad Request";
    if (response.destroyed) return;
    if (url === undefined || typeof found === "string") {
      response.writeHead(Number(String(found).slice(0, 3)), { connection: "close" }).end();
      return;
    }
    const headers = Object.entries(request.headers).filter(([name]) => !HOP.includes(name));
    const onward = forward({
      host: found.address,
      port: found.port,
      method: request.method,
      path: url.pathname + url.search,
      headers: { ...Object.fromEntries(headers), host: url.host },
      timeout: 0,
    });
    onward.once("response", (answer) => {
      try {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        pipeline(answer, response, () => undefined);
      } catch {
        // Its status or a field is not valid.
        response.destroy();
        onward.destroy();
      }
    });
    // The fields that ask for one are not passed on.
    onward.once("upgrade", (_answer, socket) => {
      socket.destroy();
      response.writeHead(502, { connection: "close" }).end();
    });
    onward.once("error", () => response.destroy());
    response.once("close", () => onward.destroy());
    pipeline(request, onward, () => undefined);
  }

  /** The status of a refusal if the host can't be reached. */
  async #find(host: string, port: number): Promise<Destination | string> {
    try {
      const found = await this.rules().hosts.find(host, port);
      if (found === undefined) this.#logRefusal(host, port);
      return found ?? "403 Forbidden";
    } catch {
      return "502 Bad Gateway";
    }
  }

  #logRefusal(host: string, port: number): void {
    const now = performance.now();
    if (now - this.#logged.since > MINUTE_MS) this.#logged = { since: now, count: 0 };
    if (++this.#logged.count > MAX_LOGGED) return;
    const shown = host.slice(0, MAX_HOST_CHARS);
    this.rules().log.info({ host: shown, port }, "a connection out of a sandbox was refused");
  }
}
