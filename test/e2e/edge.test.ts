import { readdirSync, readFileSync } from "node:fs";
import { expect } from "chai";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually, limitSecs } from "./poll.js";
import { RawClient } from "./raw-client.js";
import { withoutStartReport } from "./start-report.js";

const HEAD = `POST /task HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEYS.admin}\r\nContent-Type: application/json\r\n`;
/** Whoever is not slow on purpose has sent its headers by then. */
const HEADER_SECS = Math.ceil(limitSecs(1));
const BODY_BYTES = 65_536;
const PIECE = "x".repeat(16_384);

function files(gateway: TestGateway): number {
  return readdirSync(`/proc/${gateway.pid}/fd`).length;
}

/** Resident memory of the gateway, in MB. */
function memory(gateway: TestGateway): number {
  const kb = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${gateway.pid}/status`, "utf8"))?.[1];
  return Number(kb) / 1024;
}

async function isServed(gateway: TestGateway): Promise<void> {
  expect((await gateway.request("/health", { key: null })).status).to.equal(200);
  const { status } = await gateway.request("/session/start", { body: {} });
  expect(status).to.equal(200);
}

describe("the edge", () => {
  let gateway: TestGateway;
  let quiet: { readonly files: number; readonly memory: number };
  before(async () => {
    gateway = await TestGateway.start({
      config: [
        "[limits]",
        `body_bytes = ${BODY_BYTES}`,
        "connections = 120",
        `header_secs = ${HEADER_SECS}`,
        `request_secs = ${2 * HEADER_SECS}`,
        "[engine]",
        "spares = 0",
      ].join("\n"),
    });
    await isServed(gateway);
    quiet = { files: files(gateway), memory: memory(gateway) };
  });
  afterEach("everything is let go, and others are served", async () => {
    await eventually("its connections closed", () => files(gateway) <= quiet.files + 2);
    await isServed(gateway);
    expect(memory(gateway) - quiet.memory, "MB more").to.be.below(150);
  });
  after(async () => {
    const said = withoutStartReport(gateway.stderr);
    await gateway.dispose();
    expect(said, "nothing of this is a fault of the gateway's").to.equal("");
  });

  async function open(count: number, bytes = ""): Promise<RawClient[]> {
    return Promise.all(
      Array.from({ length: count }, async () => {
        const client = await RawClient.open(gateway.url);
        if (bytes !== "") client.send(bytes);
        return client;
      }),
    );
  }

  /** What a client has when the gateway has hung up. */
  async function answered(client: RawClient, [status, code]: readonly [number, string]): Promise<void> {
    await client.closed;
    expect(client.answer.status, client.received).to.equal(status);
    expect(JSON.parse(client.answer.body).code).to.equal(code);
  }

  describe("slow clients", () => {
    it("408 for a silent client, and for headers sent byte by byte", async () => {
      const silent = await open(20);
      const slow = await open(20, "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ");
      const dripping = slow.map((client) => client.drip("x", 100));
      for (const client of [...silent, ...slow]) await answered(client, [408, "TIMEOUT"]);
      await Promise.all(dripping);
    });

    it("408 for a body sent byte by byte, with and without its length", async () => {
      const known = await open(10, `${HEAD}Content-Length: 1000\r\n\r\n{"prompt":"`);
      const chunked = await open(10, `${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
      const dripping = [
        ...known.map((client) => client.drip("x", 100)),
        ...chunked.map((client) => client.drip("1\r\nx\r\n", 100)),
      ];
      for (const client of [...known, ...chunked]) await answered(client, [408, "TIMEOUT"]);
      await Promise.all(dripping);
    });

    it("an unauthenticated slow body is not waited for", async () => {
      const [client] = await open(1, "POST /task HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
      await eventually("the answer", () => client?.answer.status === 401);
      await client?.closed;
    });
  });

  describe("clients that do not stop", () => {
    it("431 for headers without an end, be it bytes or fields", async () => {
      const [bytes, fields] = await open(2, "GET /health HTTP/1.1\r\nHost: x\r\n");
      const sent = Promise.all([
        bytes?.drip(`X-Much: ${PIECE}\r\n`, 1),
        fields?.drip("a: b\r\n".repeat(500), 1),
      ]);
      for (const client of [bytes, fields])
        await answered(client ?? expect.fail(), [431, "HEADERS_TOO_LARGE"]);
      await sent;
    });

    it("413 for an endless body, 401 for an unauthenticated one; both are disconnected", async () => {
      const stranger = "POST /task HTTP/1.1\r\nHost: x\r\n";
      const clients = [
        {
          head: `${HEAD}Content-Length: 1000000000\r\n\r\n`,
          piece: PIECE,
          expected: [413, "PAYLOAD_TOO_LARGE"],
        },
        {
          head: `${HEAD}Transfer-Encoding: chunked\r\n\r\n`,
          piece: `4000\r\n${PIECE}\r\n`,
          expected: [413, "PAYLOAD_TOO_LARGE"],
        },
        {
          head: `${stranger}Content-Length: 1000000000\r\n\r\n`,
          piece: PIECE,
          expected: [401, "UNAUTHORIZED"],
        },
      ] as const;
      await Promise.all(
        clients.map(async ({ head, piece, expected }) => {
          const client = await RawClient.open(gateway.url);
          client.send(head);
          await client.drip(piece, 5);
          await answered(client, expected);
        }),
      );
    });

    it("excess connections are closed, and later ones are accepted again", async () => {
      const clients = await open(150);
      await eventually("some hung up on", () => clients.filter(({ isClosed }) => isClosed).length >= 30);
      expect(clients.filter(({ isClosed, received }) => isClosed && received === "").length).to.be.within(
        30,
        60,
      );
      for (const client of clients) client.leave();
    });
  });

  describe("malformed requests", () => {
    it("responses to pipelined requests come in order", async () => {
      const asked = "GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n";
      const [client] = await open(1, asked.repeat(200));
      await eventually("every answer", () => (client?.received.match(/HTTP\/1\.1 /g) ?? []).length === 400);
      expect(client?.received.match(/HTTP\/1\.1 \d+/g)?.join()).to.equal(
        "HTTP/1.1 200,HTTP/1.1 401,".repeat(200).slice(0, -1),
      );
      client?.leave();
    });

    it("garbage after a response is 400", async () => {
      const [client] = await open(1, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
      await eventually("the answer", () => client?.received.includes('"ok"'));
      client?.send("\0\0\0 what?\r\n\r\n");
      await client?.closed;
      expect(client?.received.match(/HTTP\/1\.1 \d+/g)).to.deep.equal(["HTTP/1.1 200", "HTTP/1.1 400"]);
    });

    it("garbage after a stream ends it, and never enters it", async () => {
      const body = JSON.stringify({ prompt: "[[words 3]] [[hang]]" });
      const [client] = await open(
        1,
        `${HEAD.replace("/task", "/task/stream")}Content-Length: ${body.length}\r\n\r\n${body}`,
      );
      await eventually("text", () => client?.received.includes("word3"));
      client?.send("\0\0\0 what?\r\n\r\n");
      await client?.closed;
      expect(client?.received.match(/HTTP\/1\.1 \d+/g)).to.deep.equal(["HTTP/1.1 200"]);
      expect(client?.received).to.not.include("BAD_REQUEST");
      await eventually("the turn ended", async () => (await gateway.children()).length === 0);
    });

    it("an invalid chunk is 400, endless extensions are 413", async () => {
      const [broken, extended] = await open(2, `${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
      broken?.send("zz\r\n");
      extended?.send(`1;${"x".repeat(40_000)}\r\nx\r\n`);
      await answered(broken ?? expect.fail(), [400, "BAD_REQUEST"]);
      await answered(extended ?? expect.fail(), [413, "PAYLOAD_TOO_LARGE"]);
    });

    it("a client that disconnects during an upload leaves nothing behind", async () => {
      for (let round = 0; round < 5; round++) {
        const clients = await open(60, `${HEAD}Content-Length: 60000\r\n\r\n${PIECE}`);
        for (const client of clients) client.leave();
        await eventually("their connections closed", () => files(gateway) <= quiet.files + 2);
      }
      expect(gateway.model.requests().filter(({ prompt }) => prompt.includes("xxx"))).to.deep.equal([]);
    });
  });
});

describe("10,000 connections opened and left", () => {
  const COUNT = 10_000;
  /** Half of them are opened within it. */
  const OPENED_SECS = Math.ceil(Math.min(limitSecs(30), 120));
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({
      config: `[limits]\nheader_secs = ${OPENED_SECS}\n[engine]\nspares = 0\n`,
    });
  });
  after(() => gateway.dispose());

  it("cost bounded memory, do not block others, and are closed in time", async () => {
    await isServed(gateway);
    const before = { files: files(gateway), memory: memory(gateway) };
    const clients: RawClient[] = [];
    for (let batch = 0; batch < COUNT; batch += 200) {
      const more = await Promise.all(Array.from({ length: 200 }, () => RawClient.open(gateway.url)));
      for (const client of more.slice(100)) client.send("POST /task HTTP/1.1\r\nHost: x\r\nX-Slow: ");
      clients.push(...more);
    }
    const opened = files(gateway);
    await isServed(gateway);
    const { status, body } = await gateway.request("/task", { body: { prompt: "[[say still here]]" } });
    expect([status, body["result"]]).to.deep.equal([200, "still here"]);
    const held = clients.filter(({ isClosed }) => !isClosed).length;
    expect(memory(gateway) - before.memory, "MB more").to.be.below(250);
    expect(opened - before.files, `files of the gateway; ${held} connections held`).to.be.greaterThan(
      COUNT / 2,
    );
    await eventually("all hung up on", () => clients.every(({ isClosed }) => isClosed));
    await eventually("their files closed", () => files(gateway) <= before.files + 20);
    expect(clients.every(({ answer }) => answer.status === 408)).to.equal(true);
    await isServed(gateway);
  });
});
