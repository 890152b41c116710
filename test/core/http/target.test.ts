import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { sendRaw } from "../../e2e/bytes.js";
import { processorMs } from "../../processor-time.js";

/** The maximum duration. */
const BUSY_MS = 1000;

describe("the target of a request", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await createTestGateway({
      config: { plugins: { dashboard: { enabled: true } } },
    });
  });
  after(() => gateway.close());

  function get(target: string, { method = "GET", host = "x", more = "" } = {}): Promise<string> {
    const key = `Authorization: Bearer ${gateway.keys["admin"]}\r\n`;
    return sendRaw(gateway.url, `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${key}${more}\r\n`);
  }

  function bodyOf(answer: string): Record<string, unknown> {
    return JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4));
  }

  for (const target of [
    "http://",
    "http:///health",
    "http://[::1/health",
    "http://a b/",
    "health",
    "ftp://x/",
  ]) {
    it(`${target} is refused in the API's format, and is not logged`, async () => {
      const before = gateway.logs.length;
      const answer = await get(target);
      expect(answer).to.match(/^HTTP\/1\.1 400 /);
      expect(bodyOf(answer)).to.have.property("code", "BAD_REQUEST");
      expect(gateway.logs.length).to.equal(before);
    });
  }

  it("may be in absolute form, as sent to proxies", async () => {
    for (const target of ["http://x/health", "HTTP://x:3000/health?a=b", "https://[::1]/health"]) {
      expect(await get(target), target).to.match(/^HTTP\/1\.1 200 [\s\S]*"status":"ok"/);
    }
    expect(await get("http://x")).to.match(/^HTTP\/1\.1 200 [\s\S]*Claudeway v/);
  });

  it("with a fragment is refused: no client sends one", async () => {
    const answer = await get("/health#x");
    expect(answer).to.match(/^HTTP\/1\.1 400 /);
    expect(bodyOf(answer)["error"]).to.match(/must not have a fragment/);
  });

  it("of more than 8 KiB is refused", async () => {
    expect(await get(`/health?a=${"x".repeat(8182)}`)).to.match(/^HTTP\/1\.1 200 /);
    const answer = await get(`/health?a=${"x".repeat(8183)}`);
    expect(answer).to.match(/^HTTP\/1\.1 431 /);
    expect(bodyOf(answer)).to.deep.equal({
      error: "the request target must be at most 8192 bytes, got 8193",
      code: "HEADERS_TOO_LARGE",
    });
  });

  for (const path of [
    "/sessions",
    "/approvals",
    "/approvals/grants",
    "/admin/sessions",
    "/admin/logs",
    "/health",
  ]) {
    it(`${path}: one request with thousands of parameters delays no other`, async () => {
      const answer = get(`${path}?${"a&".repeat(4000)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      const begun = processorMs();
      await gateway.fetch("/health");
      expect(processorMs() - begun).to.be.below(BUSY_MS);
      expect(await answer).to.match(/^HTTP\/1\.1 400 /);
      expect(bodyOf(await answer)["error"]).to.equal("the query must have at most 100 parameters, got 4001");
    });
  }

  it("accepts a hundred parameters", async () => {
    expect(await get(`/sessions?${"a&".repeat(99)}page=1`)).to.match(/^HTTP\/1\.1 200 /);
  });

  it("CONNECT is answered too", async () => {
    const answer = await get("x:80", { method: "CONNECT" });
    expect(answer).to.match(/^HTTP\/1\.1 400 /);
    expect(bodyOf(answer)).to.have.property("code", "BAD_REQUEST");
  });
});

describe("the Host of a request", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await createTestGateway();
  });
  after(() => gateway.close());

  for (const lines of [
    "Host: a\r\nHost: b\r\n",
    "Host: a\r\nX: 1\r\nhost: a\r\n",
    "Host: a b\r\n",
    "Host: a/b\r\n",
    "Host: a,b\r\n",
  ]) {
    it(`${JSON.stringify(lines)} is refused`, async () => {
      const answer = await sendRaw(gateway.url, `GET /health HTTP/1.1\r\n${lines}\r\n`);
      expect(answer).to.match(/^HTTP\/1\.1 400 [\s\S]*"Host must be /);
    });
  }

  for (const host of ["", "localhost:3000", "[::1]:3000", "way.example.", "under_score.example"]) {
    it(`${JSON.stringify(host)} is accepted`, async () => {
      const answer = await sendRaw(gateway.url, `GET /health HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect(answer).to.match(/^HTTP\/1\.1 200 /);
    });
  }
});
