import { once } from "node:events";
import { connect } from "node:net";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { RawClient } from "../../e2e/raw-client.js";

/** As `curl --http2` sends them on a plain connection. */
const OFFER =
  "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";

describe("a request that offers another protocol", () => {
  let gateway: TestGateway;
  let client: RawClient;

  before(async () => {
    gateway = await createTestGateway();
  });
  beforeEach(async () => {
    client = await RawClient.open(gateway.url);
  });
  afterEach(() => client.leave());
  after(() => gateway.close());

  function post(path: string, body: string, more = ""): string {
    const secret = gateway.keys["user"];
    return (
      `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${secret}\r\nContent-Type: application/json\r\n` +
      `${more}${OFFER}Content-Length: ${body.length}\r\n\r\n${body}`
    );
  }

  async function answers(count: number): Promise<readonly string[]> {
    const starts = () => client.received.split(/(?=HTTP\/1\.1 )/);
    await eventually(`${count} answers`, () => starts().length === count && /\}\s*$/.test(client.received));
    return starts();
  }

  it("is answered without the upgrade, and so is the next one on its connection", async () => {
    client.send(`GET /health HTTP/1.1\r\nHost: x\r\n${OFFER}\r\n`);
    const [first] = await answers(1);
    expect(first)
      .to.match(/^HTTP\/1\.1 200 /)
      .and.include('"status":"ok"');
    client.send(post("/task", '{"prompt":"one"}'));
    const [, second] = await answers(2);
    expect(second)
      .to.match(/^HTTP\/1\.1 200 /)
      .and.include("You said: one");
    client.send("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
    const [, , third] = await answers(3);
    expect(third).to.match(/^HTTP\/1\.1 401 /);
  });

  it("may send its body in pieces, and large ones", async () => {
    const request = post("/task", JSON.stringify({ prompt: "y".repeat(300_000) }));
    for (let from = 0; from < request.length; from += 100_000) {
      client.send(request.slice(from, from + 100_000));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const [answer] = await answers(1);
    expect(answer)
      .to.match(/^HTTP\/1\.1 200 /)
      .and.include("You said: yyyy");
  });

  it("is disconnected when it is refused, even if the client keeps the connection open", async () => {
    const { port, hostname } = new URL(gateway.url);
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    let isOver = false;
    socket.once("close", () => {
      isOver = true;
    });
    socket.on("error", () => undefined).resume();
    socket.write(`GET /task/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    try {
      await once(socket, "end");
      // What is written to a connection that is over at its other end is answered with a reset.
      const look = () => {
        socket.write("x");
        return isOver;
      };
      await eventually("the connection's end", look);
    } finally {
      socket.destroy();
    }
    expect(isOver).to.equal(true);
  });

  it("is limited as every other one", async () => {
    client.send(post("/task", "{}", "Expect: magic\r\n"));
    const [answer] = await answers(1);
    expect(answer)
      .to.match(/^HTTP\/1\.1 400 /)
      .and.include("Expect must be");
  });

  it("is answered after earlier requests on its connection", async () => {
    const long = post("/task", '{"prompt":"one"}').replace(OFFER, "");
    client.send(`${long}GET /health HTTP/1.1\r\nHost: x\r\n${OFFER}\r\n`);
    const [first, second] = await answers(2);
    expect(first).to.include("You said: one");
    expect(second).to.include('"status":"ok"');
  });

  it("leaves nothing behind on its connection, however often", async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error) => void warnings.push(message);
    process.on("warning", onWarning);
    for (let count = 1; count <= 12; count++) {
      client.send(`GET /health HTTP/1.1\r\nHost: x\r\n${OFFER}\r\n`);
      await answers(count);
    }
    process.off("warning", onWarning);
    expect(warnings).to.deep.equal([]);
  });
});

describe("a pipelined WebSocket handshake", () => {
  const HANDSHAKE =
    "GET /task/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  let gateway: TestGateway;
  let client: RawClient;

  before(async () => {
    gateway = await createTestGateway({ replies: () => [{ wait: 200 }, "x".repeat(400_000)] });
  });
  beforeEach(async () => {
    client = await RawClient.open(gateway.url);
  });
  afterEach(() => client.leave());
  after(() => gateway.close());

  function key(): string {
    return `Authorization: Bearer ${gateway.keys["user"]}\r\n`;
  }

  function task(path = "/task"): string {
    const body = '{"prompt":"Hi"}';
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\n${key()}Content-Type: application/json\r\n`;
    return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  }

  const starts = () => client.received.match(/HTTP\/1\.1 \d+/g);

  for (const path of ["/task", "/task/stream"]) {
    it(`is completed after the whole response of ${path}, however long`, async () => {
      client.send(`${task(path)}${HANDSHAKE}${key()}\r\n`);
      await eventually("the handshake", () => client.received.includes("HTTP/1.1 101"));
      expect(starts()).to.deep.equal(["HTTP/1.1 200", "HTTP/1.1 101"]);
      const [answer = ""] = client.received.split("HTTP/1.1 101");
      const joined = answer.replaceAll(/\r\n[1-9a-f][0-9a-f]*\r\n/g, "");
      expect(joined).to.match(/"result":"x{400000}".*\}(\n\n\r\n0\r\n\r\n)?$/s);
    });
  }

  it("is refused after the answer, too", async () => {
    client.send(`${task()}${HANDSHAKE}\r\n`);
    await client.closed;
    expect(starts()).to.deep.equal(["HTTP/1.1 200", "HTTP/1.1 401"]);
  });

  it("is dropped if the client disconnects before the response, whose turn ends", async () => {
    client.send(`${task()}${HANDSHAKE}${key()}\r\n`);
    await eventually("the turn", () => gateway.ran.length > 0);
    client.leave();
    const left = () => gateway.logs.some(({ msg }) => /internal error|uncaught/.test(String(msg)));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(left()).to.equal(false);
    expect((await gateway.fetch("/health")).status).to.equal(200);
  });

  for (const afterMs of [0, 20, 200]) {
    it(`as CONNECT may be followed by a reset after ${afterMs} ms`, async () => {
      client.send("CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n");
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      client.leave();
      // An error without a listener would end the gateway, and this process.
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect((await gateway.fetch("/health")).status).to.equal(200);
    });
  }

  it("as CONNECT is refused in its turn", async () => {
    client.send(`${task()}CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.closed;
    expect(starts()).to.deep.equal(["HTTP/1.1 200", "HTTP/1.1 400"]);
  });
});
