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

interface Log {
  info(fields: object, message: string): void;
}

/** A proxy for one key on a socket in the file system: CONNECT, and plain HTTP, to allowed hosts only. */
export class ConnectProxy {
  readonly #server: Server;
  readonly #open = new Set<Duplex>();

  private constructor(
    private readonly hosts: AllowedHosts,
    private readonly log: Log,
  ) {
    this.#server = createServer((request, response) => void this.#plain(request, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
    // A long answer of the model is one request.
    this.#server.requestTimeout = 0;
    this.#server.on("connect", (request, socket, head) => void this.#tunnel(request, socket, head));
    this.#server.on("upgrade", (_request, socket) => socket.destroy());
    this.#server.on("connection", (socket) => this.#keep(socket));
  }

  static async listen(path: string, hosts: AllowedHosts, log: Log): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(hosts, log);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject).listen(path, resolve);
    });
    // The CLI may be another user. Nobody else knows the path.
    chmodSync(path, 0o666);
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
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, response, () => undefined);
    });
    onward.once("error", () => response.destroy());
    response.once("close", () => onward.destroy());
    pipeline(request, onward, () => undefined);
  }

  /** The status of a refusal if the host can't be reached. */
  async #find(host: string, port: number): Promise<Destination | string> {
    try {
      const found = await this.hosts.find(host, port);
      if (found === undefined) this.log.info({ host, port }, "a connection out of a sandbox was refused");
      return found ?? "403 Forbidden";
    } catch {
      return "502 Bad Gateway";
    }
  }
}
