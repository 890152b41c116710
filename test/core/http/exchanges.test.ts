import { once } from "node:events";
import { createServer, type Server, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { expect } from "chai";
import { Exchanges } from "#core/http/exchanges.js";
import { IncomingRequest } from "#core/http/incoming.js";
import { eventually } from "../../e2e/poll.js";
import { RawClient } from "../../e2e/raw-client.js";
import { heapUsed } from "../../heap.js";

const MAX_WAITING = 10;
const ask = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

describe("requests that wait behind others on their connection", () => {
  let server: Server;
  let url: string;
  let arrived = 0;
  let closed = 0;
  let begun: string[] = [];
  /** The requests that arrived, unless they are forgotten. */
  let known: WeakRef<IncomingRequest>[] = [];
  let answer: (() => void)[] = [];
  const clients: RawClient[] = [];

  before(async () => {
    const exchanges = new Exchanges((request, response) => {
      begun.push(request.url ?? "");
      if (request.url === "/held") answer.push(() => response.end("held"));
      else response.end(request.url);
    }, MAX_WAITING);
    server = createServer({ IncomingMessage: IncomingRequest }, (request, response) => {
      arrived++;
      known.push(new WeakRef(request));
      response.once("close", () => closed++);
      exchanges.begin(request, response);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    url = `http://127.0.0.1:${address.port}`;
  });
  beforeEach(() => {
    [arrived, closed, begun, answer, known] = [0, 0, [], [], []];
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await eventually("that the server sees it", async () => (await connections()) === 0);
  });
  after(() => server.close());

  async function send(requests: string): Promise<RawClient> {
    const client = await RawClient.open(url);
    clients.push(client);
    client.send(requests);
    return client;
  }
  const held = (count: number) => send(ask("/held").repeat(count));
  const connections = () =>
    new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
  const endHeld = () => {
    for (const end of answer.splice(0)) end();
  };

  it("begin once those before them are answered, in their order", async () => {
    const client = await send(ask("/held") + ask("/one") + ask("/two"));
    await eventually("all of them", () => arrived === 3);
    expect(begun).to.deep.equal(["/held"]);
    endHeld();
    await eventually("the answers", () => client.received.includes("/two"));
    expect(begun).to.deep.equal(["/held", "/one", "/two"]);
    expect(client.received.match(/\r\n\r\n\S+?(?=HTTP|$)/g)?.map((body) => body.trim())).to.deep.equal([
      "held",
      "/one",
      "/two",
    ]);
  });

  it("never begin if their client leaves, or the answer before them is the connection's last", async () => {
    const client = await held(3);
    await eventually("all of them", () => arrived === 3);
    client.leave();
    await eventually("that the server sees it", async () => (await connections()) === 0);
    await eventually("that all are closed", () => closed === 3);
    const last = await send(ask("/held", "Connection: close\r\n") + ask("/one"));
    await eventually("the last", () => begun.length === 2);
    for (const end of answer.splice(1)) end();
    await last.closed;
    expect(begun).to.deep.equal(["/held", "/held"]);
    await eventually("that all are closed", () => closed === arrived);
  });

  it("are forgotten once they are answered, also on connections that stay open", async () => {
    const pipelined = await send(ask("/one") + ask("/two"));
    const alone = await send(ask("/three"));
    await eventually("the answers", () => closed === 3);
    await eventually("that they are forgotten", () => {
      heapUsed();
      return known.every((request) => request.deref() === undefined);
    });
    expect([pipelined.isClosed, alone.isClosed]).to.deep.equal([false, false]);
  });

  it("are bounded for all clients together: the connection with one too many is closed", async () => {
    const first = await held(MAX_WAITING);
    await eventually("the first requests", () => arrived === MAX_WAITING);
    const second = await held(50);
    await second.closed;
    expect(begun.length).to.equal(2);
    expect(first.isClosed).to.equal(false);
  });

  it("no longer count once their client has left, or they have begun", async () => {
    for (let time = 1; time <= 5; time++) {
      const client = await held(MAX_WAITING + 1);
      await eventually("every request", () => arrived === time * (MAX_WAITING + 1));
      client.leave();
      await eventually("that the server sees it", async () => (await connections()) === 0);
    }
    for (let time = 1; time <= 3; time++) {
      const client = await held(MAX_WAITING + 1);
      const answers = () => client.received.split("HTTP/1.1 200").length - 1;
      await eventually("every answer", () => {
        endHeld();
        return answers() === MAX_WAITING + 1;
      });
    }
  });
});

describe("the open requests of connections", () => {
  let looks = 0;
  let begun: IncomingRequest[] = [];
  beforeEach(() => {
    [looks, begun] = [0, []];
  });

  /** Requests that arrive as Node gives them: the first response of a connection has its socket. */
  function arrive(exchanges: Exchanges, socket: Socket, count = 1): (() => void)[] {
    const responses = Array.from({ length: count }, () => {
      const request = new IncomingRequest(socket);
      request.complete = true;
      return { request, response: new ServerResponse(request), over: false };
    });
    responses[0]?.response.assignSocket(socket);
    for (const one of responses) {
      const look = () => {
        looks++;
        return one.over;
      };
      Object.defineProperty(one.response, "writableFinished", { get: look });
      exchanges.begin(one.request, one.response);
    }
    return responses.map((one, index) => () => {
      one.over = true;
      one.response.detachSocket(socket);
      responses[index + 1]?.response.assignSocket(socket);
      one.response.emit("close");
    });
  }

  it("close only the connection with one too many, where too many wait", () => {
    const exchanges = new Exchanges((request) => begun.push(request), 1);
    const [crowd, alone] = [new Socket(), new Socket()];
    arrive(exchanges, crowd, 3);
    arrive(exchanges, alone);
    expect(begun.map(({ socket }) => socket)).to.deep.equal([crowd, alone]);
    expect([crowd.destroyed, alone.destroyed]).to.deep.equal([true, false]);
  });

  it("are forgotten one by one, without a look at all the others", () => {
    const exchanges = new Exchanges((request) => begun.push(request));
    const socket = new Socket();
    for (const end of arrive(exchanges, socket, 1000)) end();
    expect(exchanges.any(socket)).to.equal(false);
    expect(begun.length).to.equal(1000);
    expect(looks).to.be.at.most(5000);
  });
});
