import { expect } from "chai";
import { sendRaw } from "./bytes.js";
import { TestGateway } from "./gateway.js";

interface Sent {
  readonly method?: string;
  readonly path?: string;
  /** A string or bytes go as they are, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole Authorization header; null sends none. */
  readonly authorization?: string | null;
}

const UNAUTHORIZED = 'send "Authorization: Bearer <secret>"';
const SECRET = "sk-requests-0123456789";

/** What is wrong, what is sent to `POST /task` unless it says otherwise, and the answer. */
const REFUSED: readonly (readonly [string, Sent, number, string, string])[] = [
  // Who asks.
  ["no key", { authorization: null }, 401, "UNAUTHORIZED", `no key: ${UNAUTHORIZED}`],
  ["a wrong key", { authorization: "Bearer sk-x" }, 401, "UNAUTHORIZED", `unknown key: ${UNAUTHORIZED}`],
  ["a key without Bearer", { authorization: SECRET }, 401, "UNAUTHORIZED", `no Bearer key: ${UNAUTHORIZED}`],
  [
    "another scheme",
    { authorization: `Basic ${btoa(`admin:${SECRET}`)}` },
    401,
    "UNAUTHORIZED",
    `no Bearer key: ${UNAUTHORIZED}`,
  ],
  [
    "no key on a path that isn't there",
    { path: "/nowhere", authorization: null },
    401,
    "UNAUTHORIZED",
    `no key: ${UNAUTHORIZED}`,
  ],
  // Where to.
  ["no such route", { path: "/tasks" }, 404, "NOT_FOUND", "no route POST /tasks"],
  ["a slash too many", { path: "/task//stream" }, 404, "NOT_FOUND", "no route POST /task//stream"],
  [
    "a path that can't be decoded",
    { method: "GET", path: "/session/%zz" },
    404,
    "NOT_FOUND",
    "no such session",
  ],
  ["another method", { method: "GET" }, 405, "METHOD_NOT_ALLOWED", "GET is not allowed here; it takes POST"],
  ["OPTIONS", { method: "OPTIONS" }, 405, "METHOD_NOT_ALLOWED", "OPTIONS is not allowed here; it takes POST"],
  [
    "a method for what is read",
    { path: "/health", method: "DELETE" },
    405,
    "METHOD_NOT_ALLOWED",
    "DELETE is not allowed here; it takes GET, HEAD",
  ],
  [
    "a method for a session",
    { path: "/session/x", method: "PUT" },
    405,
    "METHOD_NOT_ALLOWED",
    "PUT is not allowed here; it takes DELETE, GET, HEAD, POST",
  ],
  ["a session that isn't there", { path: "/session/x", method: "GET" }, 404, "NOT_FOUND", "no such session"],
  // What kind of body.
  [
    "a form",
    { body: "prompt=Hi", headers: { "content-type": "application/x-www-form-urlencoded" } },
    415,
    "UNSUPPORTED_MEDIA_TYPE",
    "content-type is application/x-www-form-urlencoded; it takes application/json",
  ],
  [
    "no content-type",
    { body: new TextEncoder().encode('{"prompt":"Hi"}'), headers: { "content-type": "" } },
    415,
    "UNSUPPORTED_MEDIA_TYPE",
    "content-type is missing; it takes application/json",
  ],
  [
    "a packed body",
    { body: "x", headers: { "content-encoding": "gzip" } },
    415,
    "UNSUPPORTED_MEDIA_TYPE",
    "content-encoding is gzip; send the body as it is",
  ],
  [
    "a body over the limit",
    { body: { prompt: "x".repeat(66_000) } },
    413,
    "PAYLOAD_TOO_LARGE",
    "the body is larger than 65536 bytes",
  ],
  // What is in it.
  [
    "bytes that are no UTF-8",
    { body: Buffer.from('{"prompt":"\xff"}', "latin1") },
    400,
    "BAD_REQUEST",
    "the body is not valid UTF-8",
  ],
  ["no body", {}, 400, "BAD_REQUEST", "prompt: missing; takes a string that is not empty"],
  [
    "JSON that is cut off",
    { body: '{"prompt":' },
    400,
    "BAD_REQUEST",
    "the body is not JSON: Unexpected end of JSON input",
  ],
  ["a list", { body: "[1]" }, 400, "BAD_REQUEST", "body: is an array of 1 item; takes an object"],
  ["null", { body: "null" }, 400, "BAD_REQUEST", "body: is null; takes an object"],
  ["no prompt", { body: {} }, 400, "BAD_REQUEST", "prompt: missing; takes a string that is not empty"],
  [
    "an empty prompt",
    { body: { prompt: "" } },
    400,
    "BAD_REQUEST",
    "prompt: is empty; takes a string that is not empty",
  ],
  [
    "a prompt that is a number",
    { body: { prompt: 5 } },
    400,
    "BAD_REQUEST",
    "prompt: is 5; takes a string that is not empty",
  ],
  [
    "a prompt as content blocks",
    { body: { prompt: [{ type: "text" }] } },
    400,
    "BAD_REQUEST",
    "prompt: is an array of 1 item; takes a string that is not empty",
  ],
  [
    "a slip in a field",
    { body: { prompt: "Hi", modle: "opus" } },
    400,
    "BAD_REQUEST",
    "modle: unknown field; did you mean model?",
  ],
  [
    "a field of the prototype",
    { body: '{"prompt":"Hi","__proto__":{"verbatim":true}}' },
    400,
    "BAD_REQUEST",
    "the body has a property __proto__, which no body may have",
  ],
  [
    "a model that is a flag",
    { body: { prompt: "Hi", model: "--help" } },
    400,
    "BAD_REQUEST",
    'model: is "--help"; takes the name or alias of a model, such as sonnet',
  ],
  [
    "a timeout of nothing",
    { body: { prompt: "Hi", timeout_secs: 0 } },
    400,
    "BAD_REQUEST",
    "timeout_secs: is 0; takes a number greater than 0, at most 86400",
  ],
  [
    "a timeout in words",
    { body: { prompt: "Hi", timeout_secs: "60" } },
    400,
    "BAD_REQUEST",
    'timeout_secs: is "60"; takes a number greater than 0, at most 86400',
  ],
  [
    "a switch in words",
    { body: { prompt: "Hi", verbatim: "yes" } },
    400,
    "BAD_REQUEST",
    'verbatim: is "yes"; takes true or false',
  ],
  [
    "an unknown kind of stream",
    { path: "/task/stream", body: { prompt: "Hi", stream: "sse" } },
    400,
    "BAD_REQUEST",
    'stream: is "sse"; takes text or delta',
  ],
  [
    "a workdir that isn't there",
    { body: { prompt: "Hi", workdir: "/no/where" } },
    400,
    "BAD_REQUEST",
    'workdir: is "/no/where"; it takes an existing folder',
  ],
  [
    "a workdir that climbs out",
    { body: { prompt: "Hi", workdir: "../.." } },
    400,
    "BAD_REQUEST",
    'workdir: is "../.."; a relative path stays in the base folder',
  ],
  [
    "a workdir with a NUL",
    { body: { prompt: "Hi", workdir: "/tmp\u0000" } },
    400,
    "BAD_REQUEST",
    'workdir: is "/tmp\\u0000"; takes the path of a folder',
  ],
  [
    "JSON a thousand levels deep",
    { body: `{"prompt":${"[".repeat(1000)}${"]".repeat(1000)}}` },
    400,
    "BAD_REQUEST",
    "prompt: is an array of 1 item; takes a string that is not empty",
  ],
  [
    "JSON that is deeper than the stack",
    { body: `{"prompt":${"[".repeat(30_000)}${"]".repeat(30_000)}}` },
    400,
    "BAD_REQUEST",
    "the body is nested too deeply",
  ],
  [
    "a page of nothing",
    { method: "GET", path: "/sessions?page=0" },
    400,
    "BAD_REQUEST",
    'page: is "0"; it takes a whole number from 1 to 1000000',
  ],
  [
    "an Idempotency-Key with a space",
    { body: { prompt: "Hi" }, headers: { "idempotency-key": "a b" } },
    400,
    "BAD_REQUEST",
    "Idempotency-Key: takes 1 to 255 visible ASCII characters",
  ],
];

/** What Node's own parser refuses, before the gateway sees a request. */
const UNPARSED: readonly (readonly [string, string, number, string, string])[] = [
  ["no HTTP at all", "Hello?\r\n\r\n", 400, "BAD_REQUEST", "not a well-formed HTTP request"],
  [
    "a method that there is none of",
    "FETCH / HTTP/1.1\r\n\r\n",
    400,
    "BAD_REQUEST",
    "not a well-formed HTTP request",
  ],
  ["no Host", "GET /health HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST", "Host: is missing; HTTP/1.1 takes one"],
  [
    "two lengths",
    "POST /task HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    400,
    "BAD_REQUEST",
    "not a well-formed HTTP request",
  ],
  [
    "headers that are too large",
    `GET /health HTTP/1.1\r\nHost: x\r\nCookie: ${"x".repeat(20_000)}\r\n\r\n`,
    431,
    "HEADERS_TOO_LARGE",
    "request header fields too large",
  ],
  [
    "a URL that is too long",
    `GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    431,
    "HEADERS_TOO_LARGE",
    "request header fields too large",
  ],
  [
    "an unknown expectation",
    "POST /task HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: cake\r\nContent-Length: 0\r\n\r\n",
    400,
    "BAD_REQUEST",
    'Expect: is "cake"; takes 100-continue',
  ],
];

describe("requests that are refused", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({
      env: { WRAPPER_KEYS: `admin:${SECRET}` },
      config: "[limits]\nbody_bytes = 65536\n",
    });
  });
  after(() => gateway.dispose());

  function send({
    method = "POST",
    path = "/task",
    body,
    headers,
    authorization = `Bearer ${SECRET}`,
  }: Sent) {
    const isText = typeof body === "string" || body instanceof Uint8Array;
    return fetch(gateway.url + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(authorization === null ? {} : { authorization }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    });
  }

  for (const [what, sent, status, code, error] of REFUSED) {
    it(`${what}: ${status} ${error.slice(0, 60)}`, async () => {
      const response = await send(sent);
      const body: unknown = await response.json();
      expect(body).to.deep.equal({ error, code });
      expect(response.status).to.equal(status);
      expect(response.headers.get("content-type")).to.equal("application/json; charset=utf-8");
      expect(response.headers.get("x-request-id")).to.match(/^[0-9a-f-]{36}$/);
      expect(response.headers.get("www-authenticate")).to.equal(status === 401 ? "Bearer" : null);
      expect(response.headers.get("allow")).to.equal(
        /it takes (.*)$/.exec(status === 405 ? error : "")?.[1] ?? null,
      );
    });
  }

  for (const [what, bytes, status, code, error] of UNPARSED) {
    it(`${what}: ${status}`, async () => {
      const [head = "", body = ""] = (await sendRaw(gateway.url, bytes)).split("\r\n\r\n");
      expect(head).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(head.toLowerCase()).to.include("content-type: application/json; charset=utf-8");
      expect(JSON.parse(body)).to.deep.equal({ error, code });
    });
  }

  it("a body of exactly the limit is taken", async () => {
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

  it("nothing of all this came to the model or went wrong in the gateway", async () => {
    expect(gateway.model.requests().filter(({ prompt }) => !prompt.startsWith("xxx"))).to.deep.equal([]);
    expect(gateway.stderr).to.equal("");
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

  it("GET /models tells what the CLI offers", async () => {
    const { status, body } = await gateway.request<{ models: { id: string; name: string }[] }>("/models");
    expect(status).to.equal(200);
    expect(body.models.map(({ id }) => id)).to.include.members(["sonnet", "haiku", "opus"]);
    for (const model of body.models) expect(model).to.have.all.keys("id", "name");
    const again = performance.now();
    expect((await gateway.request("/models")).body).to.deep.equal(body);
    expect(performance.now() - again, "from memory").to.be.below(100);
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
  });

  it("a Bearer key is taken in any case and with any blanks, as RFC 6750 and 9110 have it", async () => {
    for (const header of ["bearer", "BEARER", "Bearer  "]) {
      const authorization = `${header} sk-admin-0123456789abcdef`;
      expect((await gateway.fetch("/sessions", { key: null, headers: { authorization } })).status).to.equal(
        200,
      );
    }
  });

  it("JSON with a charset is taken", async () => {
    const headers = { "content-type": "application/json; charset=utf-8" };
    expect((await gateway.fetch("/session/start", { body: {}, headers })).status).to.equal(200);
  });
});
