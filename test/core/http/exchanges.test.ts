import { once } from "node:events";
import { createServer, type Server, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { expect } from "chai";
import { Exchanges } from "#core/http/exchanges.js";
import { IncomingRequest } from "#core/http/incoming.js";
import { eventually } from "../../e2e/poll.js";
import { RawClient } from "../../e2e/raw-client.js";

const MAX_WAITING = 10;
const REQUEST = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

describe("requests that wait behind others on their connection", () => {
  let server: Server;
  let url: string;
  let begun = 0;
  const clients: RawClient[] = [];

  before(async () => {
    const exchanges = new Exchanges(MAX_WAITING);
    server = createServer({ IncomingMessage: IncomingRequest }, (request, response) => {
      // None is answered.
      if (exchanges.begin(request, response)) begun++;
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    url = `http://127.0.0.1:${address.port}`;
  });
  beforeEach(() => {
    begun = 0;
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.leave();
  });
  after(() => server.close());

  async function ask(count: number): Promise<RawClient> {
    const client = await RawClient.open(url);
    clients.push(client);
    client.send(REQUEST.repeat(count));
    return client;
  }

  it("are bounded for all clients together: the connection with one too many is closed", async () => {
    const first = await ask(MAX_WAITING);
    await eventually("the first requests", () => begun === MAX_WAITING);
    const second = await ask(50);
    await second.closed;
    expect(begun).to.equal(MAX_WAITING + 2);
    expect(first.isClosed).to.equal(false);
  });

  it("no longer count once their client has left", async () => {
    for (let time = 1; time <= 5; time++) {
      const client = await ask(MAX_WAITING + 1);
      await eventually("every request", () => begun === time * (MAX_WAITING + 1));
      client.leave();
      await client.closed;
      await eventually("that the server sees it", async () => (await connections()) === 0);
    }
  });

  async function connections(): Promise<number> {
    return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
  }
});

describe("the open requests of connections", () => {
  let looks = 0;

  function begin(exchanges: Exchanges, socket: Socket): { begun: boolean; end: () => void } {
    const request = new IncomingRequest(socket);
    request.complete = true;
    const response = new ServerResponse(request);
    let over = false;
    const look = () => {
      looks++;
      return over;
    };
    Object.defineProperty(response, "writableFinished", { get: look });
    const begun = exchanges.begin(request, response);
    const end = () => {
      over = true;
      response.emit("close");
    };
    return { begun, end };
  }

  it("where too many wait, cost only the connection its place that has one too many", () => {
    const exchanges = new Exchanges(1);
    const [crowd, alone] = [new Socket(), new Socket()];
    const begun = [crowd, crowd, crowd, alone].map((socket) => begin(exchanges, socket).begun);
    expect(begun).to.deep.equal([true, true, false, true]);
    expect([crowd.destroyed, alone.destroyed]).to.deep.equal([true, false]);
  });

  it("are forgotten one by one, without a look at all the others", () => {
    looks = 0;
    const exchanges = new Exchanges();
    const socket = new Socket();
    const requests = Array.from({ length: 1000 }, () => begin(exchanges, socket));
    for (const { end } of requests) end();
    expect(exchanges.any(socket)).to.equal(false);
    expect(looks).to.be.at.most(3000);
  });
});
