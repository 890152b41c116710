import { GatewayError, Refusal } from "@claudeway/ports";
import { expect } from "chai";
import { sendRaw } from "../../e2e/bytes.js";
import { answering, type Served, serve } from "./kit.js";

const THROWN: Readonly<Record<string, () => unknown>> = {
  "/own": () => new GatewayError("CONFLICT", "already decided", { headers: { "x-more": "yes" } }),
  "/refusal": () => new Refusal(403, "not on Sundays"),
  "/limit": () => new Refusal(429, "slow down", { retryAfterSecs: 1.2 }),
  "/limit-past": () => new Refusal(429, "slow down", { retryAfterSecs: -3 }),
  "/limit-odd": () => new Refusal(429, "slow down", { retryAfterSecs: Number.NaN }),
  "/limit-without": () => new Refusal(429, "slow down"),
  "/odd": () => new Refusal(451, "not in this country"),
  "/defect": () => new Error("the secret is sk-12345"),
  "/string": () => "thrown by somebody careless",
};

describe("errors", () => {
  let served: Served;
  before(async () => {
    served = await serve(
      (ctx, next) => {
        const thrown = THROWN[ctx.path];
        if (thrown !== undefined) throw thrown();
        return next();
      },
      answering(() => "fine"),
    );
  });
  after(() => served.close());

  async function ask(path: string) {
    const response = await fetch(served.url + path);
    const body: unknown = await response.json();
    return { status: response.status, headers: response.headers, body };
  }

  it("of the gateway have the status of their code, and their headers", async () => {
    const { status, headers, body } = await ask("/own");
    expect({ status, body }).to.deep.equal({
      status: 409,
      body: { error: "already decided", code: "CONFLICT" },
    });
    expect(headers.get("x-more")).to.equal("yes");
  });

  it("a plugin's refusal keeps its status, with the code that belongs to it, or FORBIDDEN", async () => {
    const refused = async (path: string) => {
      const { status, headers, body } = await ask(path);
      return [status, headers.get("retry-after"), body];
    };
    expect(await refused("/refusal")).to.deep.equal([
      403,
      null,
      { error: "not on Sundays", code: "FORBIDDEN" },
    ]);
    const waits = { "/limit": "2", "/limit-without": "1", "/limit-past": "0", "/limit-odd": "1" };
    for (const [path, retryAfter] of Object.entries(waits)) {
      expect(await refused(path)).to.deep.equal([
        429,
        retryAfter,
        { error: "slow down", code: "TOO_MANY_REQUESTS" },
      ]);
    }
    expect(await refused("/odd")).to.deep.equal([
      451,
      null,
      { error: "not in this country", code: "FORBIDDEN" },
    ]);
  });

  it("requires a 4xx for a refusal", () => {
    for (const status of [200, 399, 500, 403.5]) expect(() => new Refusal(status, "x")).to.throw(RangeError);
  });

  for (const path of ["/defect", "/string"]) {
    it(`what else is thrown (${path}) is a 500 with only an id; the log has the details`, async () => {
      served.logged.length = 0;
      const { status, body } = await ask(path);
      expect(status).to.equal(500);
      expect(body).to.deep.equal({
        error: "internal error; quote request-1",
        code: "INTERNAL_ERROR",
        id: "request-1",
      });
      expect(served.logged).to.have.length(1);
      expect(served.logged[0]).to.include({ request_id: "request-1", method: "GET", path });
    });
  }

  const UNPARSED: readonly (readonly [string, string, RegExp])[] = [
    ["nonsense", "x\r\n\r\n", /^HTTP\/1\.1 400 [\s\S]*"not a well-formed HTTP request"/],
    ["no Host", "GET / HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 [\s\S]*"Host is missing; HTTP\/1\.1 requires it"/],
    [
      "headers without end",
      `GET / HTTP/1.1\r\nA: ${"x".repeat(17_000)}`,
      /^HTTP\/1\.1 431 [\s\S]*"HEADERS_TOO_LARGE"/,
    ],
    [
      "an expectation",
      "GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n",
      /^HTTP\/1\.1 400 [\s\S]*100-continue/,
    ],
  ];
  for (const [what, bytes, answer] of UNPARSED) {
    it(`${what}: answered in the same format`, async () => {
      expect(await sendRaw(served.url, bytes)).to.match(answer);
    });
  }

  it("accepts HTTP/1.0 without Host, and supports 100-continue", async () => {
    expect(await sendRaw(served.url, "GET / HTTP/1.0\r\n\r\n")).to.match(/^HTTP\/1\.1 200 /);
    const expecting = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n";
    expect(await sendRaw(served.url, expecting)).to.match(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  });
});
