import { once } from "node:events";
import { createServer, type Server } from "node:http";
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
