import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { listeningPort } from "../e2e/address.js";

const COMMIT = Buffer.from("COMMIT\0");

/** Which side of a commit is lost with its connection: the statement, or the answer to it. */
export type Lost = "statement" | "answer";

/** A proxy before PostgreSQL that can lose the connection at the next commit. */
export class CommitProxy {
  readonly #sockets = new Set<Socket>();
  #next: Lost | undefined;
  /** How many commits it has lost. */
  lost = 0;

  private constructor(
    private readonly server: Server,
    readonly port: number,
    private readonly target: number,
  ) {
    server.on("connection", (client) => this.#link(client));
  }

  static async start(target: number): Promise<CommitProxy> {
    const server = createServer().listen(0, "127.0.0.1");
    return new CommitProxy(server, await listeningPort(server), target);
  }

  loseNext(lost: Lost): void {
    this.#next = lost;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, "close");
  }

  #link(client: Socket): void {
    const server = connect(this.target, "127.0.0.1");
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    let isLosing = false;
    client.on("data", (bytes) => {
      const lost = bytes.includes(COMMIT) ? this.#next : undefined;
      if (lost === undefined) return server.write(bytes);
      this.#next = undefined;
      this.lost += 1;
      if (lost === "statement") return client.destroy();
      isLosing = true;
      return server.write(bytes);
    });
    server.on("data", (bytes) => (isLosing ? client.destroy() : client.write(bytes)));
  }
}
