import { once } from "node:events";
import { createServer, type IncomingMessage, request } from "node:http";
import { type Duplex, PassThrough } from "node:stream";
import { expect } from "chai";
import { joinSockets } from "#cluster/passing/sockets.js";
import { listeningPort } from "../../e2e/address.js";

describe("a WebSocket that is passed on", () => {
  it("is not opened for a client that has left", async () => {
    let opened = 0;
    const server = createServer().listen(0, "127.0.0.1");
    server.on("upgrade", (_request: IncomingMessage, socket: Duplex) => {
      opened++;
      socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    });
    try {
      const port = await listeningPort(server);
      const headers = { connection: "Upgrade", upgrade: "websocket" };
      const hop = request({ host: "127.0.0.1", port, headers });
      const socket = new PassThrough().destroy();
      await once(socket, "close");
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
      const to = { node: "b", incarnation: 1, url: `http://127.0.0.1:${port}` };
      expect(await joinSockets(exchange, hop, to)).to.equal(499);
      expect(opened).to.equal(0);
    } finally {
      server.close();
    }
  });
});
