import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import { expect } from "chai";
import { bodyAs, boundBodies, jsonBody } from "#core/http/body.js";
import { ByteBudget } from "#scheduling/byte-budget.js";
import { sendRaw } from "../../e2e/bytes.js";
import { answering, type Served, serve } from "./kit.js";

const LIMIT = 100_000;

/** What the parser left on the request. */
function parsed(request: object): unknown {
  return "body" in request ? request.body : "none";
}

describe("bodies", () => {
  let served: Served;
  before(async () => {
    served = await serve(
      boundBodies(() => ({ limitBytes: LIMIT, budget: new ByteBudget(10 * LIMIT) })),
      jsonBody(),
      answering((ctx) =>
        ctx.path === "/task" ? bodyAs(ctx, "task-request") : { body: parsed(ctx.request) },
      ),
    );
  });
  after(() => served.close());

  async function send(body: string | undefined, path = "/", type = "application/json"): Promise<string> {
    const response = await fetch(served.url + path, {
      method: "POST",
      ...(body === undefined ? {} : { body, headers: { "content-type": type } }),
    });
    return `${response.status} ${await response.text()}`;
  }

  const refusal = (status: number, code: string, error: string) =>
    `${status} ${JSON.stringify({ error, code })}`;

  it("are parsed, for any kind of JSON", async () => {
    for (const json of ['{"a":[1,"ä€😀"]}', "[]", "null", "5", '"text"']) {
      expect(await send(json)).to.equal(`200 {"body":${json}}`);
    }
  });

  it("may be absent", async () => {
    expect(await send(undefined)).to.equal('200 {"body":{}}');
  });

  it("of exactly the limit are accepted, one byte more is refused", async () => {
    expect(await send(`"${"x".repeat(LIMIT - 2)}"`)).to.match(/^200 /);
    const error = `the body must be at most ${LIMIT} bytes`;
    expect(await send(`"${"x".repeat(LIMIT - 1)}"`)).to.equal(refusal(413, "PAYLOAD_TOO_LARGE", error));
  });

  it("of another type are refused, with the type in the message", async () => {
    const error = "content-type must be application/json, got text/plain";
    expect(await send("{}", "/", "text/plain")).to.equal(refusal(415, "UNSUPPORTED_MEDIA_TYPE", error));
  });

  it("must be UTF-8, also if a character is split between two packets", async () => {
    const head =
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    const torn = Buffer.concat([
      Buffer.from(`${head}2\r\n"\xc3\r\n`, "latin1"),
      Buffer.from(`2\r\n\xa4"\r\n0\r\n\r\n`, "latin1"),
    ]);
    expect(await sendRaw(served.url, torn)).to.match(/\{"body":"ä"\}$/);
    const cut = Buffer.from(`${head}3\r\n{}\xc3\r\n0\r\n\r\n`, "latin1");
    expect(await sendRaw(served.url, cut)).to.match(/^HTTP\/1\.1 400 /);
    const bad = Buffer.from(`${head}3\r\n"\xc3"\r\n0\r\n\r\n`, "latin1");
    expect(await sendRaw(served.url, bad)).to.match(/^HTTP\/1\.1 400 [\s\S]*"the body is not valid UTF-8"/);
  });

  it("may begin with a byte order mark", async () => {
    expect(await send('\ufeff{"a":1}')).to.equal('200 {"body":{"a":1}}');
  });

  it("that are empty are left to the schema", async () => {
    const head =
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    expect(await sendRaw(served.url, `${head}0\r\n\r\n`)).to.match(/\{"body":""\}$/);
  });

  it("that are cut off are not reported as a defect", async () => {
    const socket = connect(Number(new URL(served.url).port), "127.0.0.1");
    socket.write(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    );
    const [, response] = await once(served.server, "request");
    socket.destroy();
    await once(response, "close");
    await setImmediate();
    expect(response.statusCode).to.equal(400);
    expect(served.logged).to.deep.equal([]);
  });

  it("with a __proto__ property are refused", async () => {
    const error = "the body must not have a property __proto__";
    expect(await send('{"__proto__":{"admin":true}}')).to.equal(refusal(400, "BAD_REQUEST", error));
  });

  it("are checked against a schema, with its defaults", async () => {
    expect(JSON.parse((await send('{"prompt":"Hi"}', "/task")).slice(4))).to.include({
      prompt: "Hi",
      model: "sonnet",
      timeout_secs: 120,
      detach: false,
    });
    const error = "prompt must be a string that is not blank or a list of content blocks, got false";
    expect(await send('{"prompt":false}', "/task")).to.equal(refusal(400, "BAD_REQUEST", error));
  });

  it("with excessive nesting are a client error, not an internal error", async () => {
    const deep = `{"prompt":${"[".repeat(40_000)}${"]".repeat(40_000)}}`;
    const error = "the body must be nested at most 200 levels deep";
    expect(await send(deep, "/task")).to.equal(refusal(400, "BAD_REQUEST", error));
    expect(served.logged).to.deep.equal([]);
  });
});
