import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { type Duplex, PassThrough } from "node:stream";
import { expect } from "chai";
import { Hops } from "#cluster/passing/hops.js";
import { joinSockets } from "#cluster/passing/sockets.js";
import { listeningPort } from "../../e2e/address.js";

describe("a WebSocket that is passed on", () => {
  let server: Server;
  let hops: Hops;
  /** What the other node has opened. */
  let opened: Duplex[];
  let to: { readonly node: string; readonly incarnation: number; readonly url: string };

  beforeEach(async () => {
    opened = [];
    hops = new Hops();
    server = createServer().listen(0, "127.0.0.1");
    server.on("upgrade", (_request: IncomingMessage, socket: Duplex) => {
      opened.push(socket);
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    });
    to = { node: "b", incarnation: 1, url: `http://127.0.0.1:${await listeningPort(server)}` };
  });
  afterEach(() => {
    for (const socket of opened) socket.destroy();
    hops.close();
    server.close();
  });

  function join(socket: Duplex): Promise<number> {
    const headers = { connection: "Upgrade", upgrade: "websocket" };
    const hop = hops.open(to, { method: "GET", path: "/", headers }, false);
    const exchange = {
      request: Object({}),
      socket,
      head: Buffer.alloc(0),
      answerHeaders: [],
      requestId: "r",
      clientAddress: "::1",
      caller: undefined,
      digest: undefined,
    };
    return joinSockets(exchange, hop, to);
  }

  it("is not opened for a client that has left", async () => {
    const socket = new PassThrough().destroy();
    await once(socket, "close");
    expect(await join(socket)).to.equal(499);
    expect(opened).to.have.length(0);
  });

  for (const [when, end] of [
    ["its node is dead", () => hops.lost("b", 1)],
    ["this node shuts down", () => hops.close()],
  ] as const)
    it(`ends when ${when}`, async () => {
      const { client, socket, close } = await connection();
      try {
        const joined = join(socket);
        const [first] = await once(client, "data");
        expect(String(first)).to.match(/^HTTP\/1\.1 101 /);
        const [other] = opened;
        const ended = other && once(other.resume(), "end");
        end();
        expect(await joined).to.equal(101);
        await ended;
      } finally {
        close();
      }
    });
});

/** A client's connection, and the end of it that a gateway has. */
async function connection(): Promise<{ client: Socket; socket: Duplex; close: () => void }> {
  const gateway = createServer().listen(0, "127.0.0.1");
  const client = connect(await listeningPort(gateway), "127.0.0.1");
  const came = once(gateway, "upgrade");
  client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const [, socket] = await came;
  const close = () => {
    client.destroy();
    gateway.close();
  };
  return { client, socket, close };
}
