import { definePlugin, Refusal } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import Router from "@koa/router";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { RawClient } from "../../e2e/raw-client.js";
import { processorMs } from "../../processor-time.js";

/** The maximum delay of other requests; without the limits, these attacks blocked for seconds. */
const BUSY_MS = 1000;
const KIB = 1024;

/** Routes without a key, which read their body in every possible way. */
const hooks = definePlugin<object>({
  name: "hooks",
  apiVersion: 1,
  configSchema: { type: "object" },
  apply(kernel) {
    const router = new Router();
    router.post("/json", (ctx) => {
      ctx.body = { got: JSON.stringify("body" in ctx.request ? ctx.request.body : null).length };
    });
    router.post("/raw", async (ctx) => {
      let bytes = 0;
      for await (const chunk of ctx.req) bytes += chunk.length;
      ctx.body = { bytes };
    });
    router.post("/events", async (ctx) => {
      let bytes = 0;
      await new Promise<void>((resolve) => {
        ctx.req.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
        });
        ctx.req.on("end", resolve);
      });
      ctx.body = { bytes };
    });
    router.post("/never", () => new Promise(() => undefined));
    router.post("/guess", () => {
      throw new Refusal(401, "wrong signature");
    });
    kernel.mount("/hooks", router, { auth: "none" });
    kernel.mount("/uploads", router, { auth: "none", bodyBytes: 100 * KIB });
    kernel.mount("/own", router, { bodyBytes: 2 * KIB });
  },
});

describe("routes that require no key", () => {
  let gateway: TestGateway;
  const clients: RawClient[] = [];
  beforeEach(async () => {
    gateway = await createTestGateway({
      plugins: [hooks],
      config: { plugins: { dashboard: { enabled: true } } },
    });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await gateway.close();
  });

  async function open(head: string, bytes: string | Buffer = ""): Promise<RawClient> {
    const client = await RawClient.open(gateway.url);
    clients.push(client);
    client.send(`${head}\r\n`);
    client.send(bytes);
    return client;
  }

  const post = (path: string, length: number | "chunked", type = "application/json") =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n` +
    (length === "chunked" ? "Transfer-Encoding: chunked\r\n" : `Content-Length: ${length}\r\n`);

  async function answer(client: RawClient): Promise<[number, string]> {
    await eventually("an answer", () => client.received.includes("\r\n\r\n") && client.answer.body !== "");
    const { status, body } = client.answer;
    return [status, JSON.parse(body.replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/g, "")).code ?? ""];
  }

  async function othersAreServed(): Promise<void> {
    const begun = processorMs();
    expect((await gateway.fetch("/health")).status).to.equal(200);
    expect(processorMs() - begun, "ms that others waited").to.be.below(BUSY_MS);
  }

  it("a login of 9.8 MB of brackets is refused by its length, without delaying others", async () => {
    const body = `{"key":${"[".repeat(9_800_000)}`;
    const client = await open(post("/admin/login", body.length), body);
    await othersAreServed();
    expect(await answer(client)).to.deep.equal([413, "PAYLOAD_TOO_LARGE"]);
  });

  for (const path of ["/admin/login", "/hooks/json", "/hooks/raw", "/hooks/events", "/hooks/never"]) {
    it(`${path} reads 8 KiB of a body that does not say how long it is`, async () => {
      const isJson = /json|login/.test(path);
      const client = await open(post(path, "chunked", isJson ? "application/json" : "text/plain"));
      const piece = `400\r\n${" ".repeat(KIB)}\r\n`;
      for (let sent = 0; sent < 100 && !client.isClosed; sent++) client.send(piece);
      expect(await answer(client)).to.deep.equal([413, "PAYLOAD_TOO_LARGE"]);
      await othersAreServed();
    });
  }

  it("a mount may set a larger or smaller limit", async () => {
    const size = (path: string, bytes: number, key: string | null) =>
      gateway.fetch(path, { body: "x".repeat(bytes), key, headers: { "content-type": "text/plain" } });
    expect((await size("/hooks/raw", 8 * KIB, null)).status).to.equal(200);
    expect((await size("/hooks/raw", 8 * KIB + 1, null)).status).to.equal(413);
    expect((await size("/uploads/raw", 100 * KIB, null)).status).to.equal(200);
    expect((await size("/uploads/raw", 100 * KIB + 1, null)).status).to.equal(413);
    expect((await size("/own/raw", 2 * KIB, "user")).status).to.equal(200);
    expect((await size("/own/raw", 2 * KIB + 1, "user")).status).to.equal(413);
  });

  it("refuses an invalid limit", async () => {
    for (const bodyBytes of [0, -1, 1.5, Number.NaN]) {
      const odd = definePlugin<object>({
        name: "odd",
        apiVersion: 1,
        configSchema: { type: "object" },
        apply(kernel) {
          kernel.mount("/odd", new Router(), { bodyBytes });
        },
      });
      const refused = await gateway.enable(odd).catch(String);
      expect(refused).to.match(/bodyBytes must be an integer of at least 1/);
    }
  });

  it("incomplete bodies share a budget", async () => {
    await gateway.close();
    gateway = await createTestGateway({ plugins: [hooks], config: { trusted_proxies: ["127.0.0.1"] } });
    const from = (n: number) => `X-Forwarded-For: 192.0.2.${n % 100}\r\n`;
    // 700 × 8,000 bytes are 5.6 MB.
    const all = await Promise.all(
      Array.from({ length: 700 }, (_, n) => open(`${post("/hooks/json", 8001)}${from(n)}`, " ".repeat(8000))),
    );
    const refused = () => all.filter(({ received }) => received.startsWith("HTTP/1.1 503 "));
    await eventually("refusals", () => refused().length >= 100);
    expect(refused()[0]?.received).to.match(/retry-after: \d+/i);
    expect((await gateway.fetch("/health")).status).to.equal(200);
    for (const client of all) client.leave();
    await eventually(
      "room again",
      async () => (await gateway.fetch("/hooks/json", { body: {}, key: null })).ok,
    );
  });

  it("of one address are a few at once", async () => {
    const all = await Promise.all(Array.from({ length: 40 }, () => open(post("/hooks/json", 10))));
    const slowed = () => all.filter(({ received }) => received.startsWith("HTTP/1.1 429 ")).length;
    await eventually("those that are too many", () => slowed() === 8);
  });

  describe("is slowed down by address before its body is read", () => {
    const { now } = Date;
    // For the gateway time stands still: a busy machine may take longer over a request than the delays are.
    before(() => {
      const frozen = now();
      Date.now = () => frozen;
    });
    after(() => {
      Date.now = now;
    });
    const isSlowed = async (path: string) => {
      const client = await open(post(path, 100));
      await eventually("an answer", () => client.received !== "");
      return client.received.startsWith("HTTP/1.1 429 ");
    };
    const waitsForBody = async (path: string) => {
      const client = await open(post(path, 100));
      await new Promise((resolve) => setTimeout(resolve, 100));
      return client.received === "";
    };

    it("after three wrong keys at the dashboard", async () => {
      for (let tried = 0; tried < 3; tried++)
        expect((await gateway.fetch("/admin/login", { body: { key: "x" }, key: null })).status).to.equal(401);
      expect(await isSlowed("/admin/login")).to.equal(true);
      expect(await waitsForBody("/hooks/json"), "another plugin's routes").to.equal(true);
    });

    it("after three refusals of any plugin's", async () => {
      for (let tried = 0; tried < 3; tried++)
        expect((await gateway.fetch("/hooks/guess", { body: {}, key: null })).status).to.equal(401);
      expect(await isSlowed("/hooks/json")).to.equal(true);
    });

    it("whatever address it claims to come from", async () => {
      for (let tried = 0; tried < 3; tried++) {
        const headers = { "x-forwarded-for": `192.0.2.${tried}` };
        await gateway.fetch("/admin/login", { body: { key: "x" }, key: null, headers });
      }
      const headers = {
        "x-forwarded-for": "192.0.2.9",
        forwarded: "for=192.0.2.9",
        "x-real-ip": "192.0.2.9",
      };
      const again = await gateway.fetch("/admin/login", { body: { key: "x" }, key: null, headers });
      expect(again.status).to.equal(429);
      expect(again.headers.get("retry-after")).to.equal("1");
    });

    it("also if all guesses arrive at once", async () => {
      const all = await Promise.all(
        Array.from({ length: 200 }, () => gateway.fetch("/admin/login", { body: { key: "x" }, key: null })),
      );
      expect(all.filter(({ status }) => status === 401).length).to.be.below(40);
    });

    it("but not for a logged-in client, or the admin's key", async () => {
      const admin = gateway.keys["admin"];
      const login = await gateway.fetch("/admin/login", { body: { key: admin }, key: null });
      const cookie = (login.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
      for (let tried = 0; tried < 4; tried++)
        await gateway.fetch("/admin/login", { body: { key: "x" }, key: null });
      const path = "/admin/approvals/00000000-0000-4000-8000-000000000000";
      const body = { decision: "allow" };
      expect((await gateway.fetch(path, { body, key: null, headers: { cookie } })).status).to.equal(404);
      expect((await gateway.fetch(path, { body })).status).to.equal(404);
      expect((await gateway.fetch(path, { body, key: "user" })).status).to.equal(403);
    });
  });
});

describe("a body with a key", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await createTestGateway({ config: { plugins: { dashboard: { enabled: true } } } });
  });
  after(() => gateway.close());

  const deep = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
  const nested = { error: "the body must be nested at most 200 levels deep", code: "BAD_REQUEST" };

  for (const path of ["/task", "/session/start", "/admin/approvals/00000000-0000-4000-8000-000000000000"]) {
    it(`${path}: is nested at most 200 levels deep`, async () => {
      const body = `{"prompt":${deep(199)},"x":"[[[\\"[[["}`;
      expect(await (await gateway.fetch(path, { body })).json()).to.not.deep.equal(nested);
      const answer = await gateway.fetch(path, { body: `{"prompt":${deep(200)}}` });
      expect([answer.status, await answer.json()]).to.deep.equal([400, nested]);
    });
  }

  it("is refused while it arrives, without delaying others", async () => {
    const body = `{"prompt":${"[".repeat(9_800_000)}`;
    const answer = gateway.fetch("/task", { body }).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const begun = processorMs();
    await gateway.fetch("/health");
    expect(processorMs() - begun).to.be.below(BUSY_MS);
    expect((await answer)?.status ?? 400).to.equal(400);
  });

  it("shares the budget of its key's incomplete bodies", async () => {
    const clients: RawClient[] = [];
    const head =
      `POST /task HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.keys["user"]}\r\n` +
      `Content-Type: application/json\r\nContent-Length: 10000001\r\n\r\n`;
    const bytes = Buffer.alloc(10_000_000, "x");
    for (let n = 0; n < 12; n++) {
      const client = await RawClient.open(gateway.url);
      clients.push(client);
      client.send(head);
      client.send(bytes);
    }
    try {
      const refused = () => clients.filter(({ received }) => received.startsWith("HTTP/1.1 503 "));
      await eventually("refusals", () => refused().length >= 4);
      expect((await gateway.fetch("/task", { body: { prompt: "Hi" } })).status, "another key").to.equal(200);
    } finally {
      for (const client of clients) client.leave();
    }
    const again = () => gateway.fetch("/task", { body: { prompt: "Hi" }, key: "user" });
    await eventually("room again", async () => (await again()).ok);
  });
});
