import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { expect } from "chai";
import { sendRaw } from "./bytes.js";
import { TestGateway } from "./gateway.js";

const SECRET = "sk-requests-0123456789";

describe("the limit of a body", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({
      env: { WRAPPER_KEYS: `admin:${SECRET}` },
      config: "[limits]\nbody_bytes = 65536\n",
    });
  });
  after(() => gateway.dispose());

  it("a body of exactly the limit is accepted", async () => {
    const body = JSON.stringify({ prompt: "x".repeat(65536 - '{"prompt":""}'.length) });
    const { status } = await gateway.request("/task", { body, key: SECRET });
    expect(status).to.equal(200);
  });

  it("a body over the limit is refused before it has been sent, with and without its length", async () => {
    const head = `POST /task HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${SECRET}\r\nContent-Type: application/json\r\n`;
    const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n11000\r\n${"x".repeat(0x11000)}\r\n`;
    const answers = await Promise.all([
      sendRaw(gateway.url, `${head}Content-Length: 1000000\r\n\r\n`),
      sendRaw(gateway.url, chunked),
    ]);
    for (const answer of answers) expect(answer).to.match(/^HTTP\/1\.1 413 /);
  });
});

describe("requests that are answered", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ config: "[engine]\nspares = 0\n" });
  });
  after(() => gateway.dispose());

  it("GET /health needs no key", async () => {
    const { status, body } = await gateway.request("/health", { key: null });
    expect(status).to.equal(200);
    expect(body).to.have.all.keys("status", "version", "uptime_secs");
    expect(body).to.include({ status: "ok", version: "0.1.0" });
    expect(body["uptime_secs"]).to.be.within(0, 60);
  });

  it("HEAD is answered like GET, without the body", async () => {
    const response = await gateway.fetch("/health", { method: "HEAD", key: null });
    expect(response.status).to.equal(200);
    expect(await response.text()).to.equal("");
  });

  it("GET /models lists the models that the CLI offers", async () => {
    const { status, body } = await gateway.request<{ models: { id: string; name: string }[] }>("/models");
    expect(status).to.equal(200);
    expect(body.models.map(({ id }) => id)).to.include.members(["sonnet", "haiku", "opus"]);
    for (const model of body.models) expect(model).to.have.all.keys("id", "name");
    expect((await gateway.request("/models")).body).to.deep.equal(body);
    expect(await gateway.children()).to.deep.equal([]);
  });

  it("each request has an id of its own, and a turn is named", async () => {
    const [one, other] = await Promise.all([
      gateway.request("/task", { body: { prompt: "Hi" } }),
      gateway.request("/task/nowhere"),
    ]);
    expect(one.headers.get("x-request-id")).to.not.equal(other.headers.get("x-request-id"));
    expect(one.headers.get("x-turn-id")).to.equal(one.body["session_id"]);
    expect(other.headers.get("x-turn-id")).to.equal(null);
    const socket = gateway.socket();
    const [answer]: IncomingMessage[] = await once(socket, "upgrade");
    for (const name of ["x-request-id", "x-turn-id"])
      expect(answer?.headers[name], name).to.match(/^[0-9a-f-]{36}$/);
    socket.close();
  });

  it("a Bearer key is accepted in any case and with any blanks, by RFC 6750 and 9110", async () => {
    for (const header of ["bearer", "BEARER", "Bearer  "]) {
      const authorization = `${header} sk-admin-0123456789abcdef`;
      expect((await gateway.fetch("/sessions", { key: null, headers: { authorization } })).status).to.equal(
        200,
      );
    }
  });

  it("JSON with a charset is accepted", async () => {
    const headers = { "content-type": "application/json; charset=utf-8" };
    expect((await gateway.fetch("/session/start", { body: {}, headers })).status).to.equal(200);
  });
});
