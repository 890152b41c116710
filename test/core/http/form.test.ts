import { once } from "node:events";
import { Agent, request } from "node:http";
import { expect } from "chai";
import { boundBodies } from "#core/http/body.js";
import { readForm } from "#core/http/form.js";
import { ByteBudget } from "#scheduling/byte-budget.js";
import { type Served, serve } from "./kit.js";

describe("a form", () => {
  let served: Served;
  /** One connection for all that is sent. */
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  before(async () => {
    const budget = new ByteBudget(1_000_000);
    served = await serve(
      boundBodies(() => ({ limitBytes: 65_536, budget })),
      async (ctx) => {
        ctx.body = Object.fromEntries(await readForm(ctx));
      },
    );
  });
  after(async () => {
    agent.destroy();
    await served.close();
  });

  async function send(body: string, type = "application/x-www-form-urlencoded") {
    const sent = request(served.url, { method: "POST", agent, headers: { "content-type": type } });
    sent.end(body);
    const [answer] = await once(sent, "response");
    let text = "";
    for await (const chunk of answer.setEncoding("utf8")) text += chunk;
    return { status: answer.statusCode, body: JSON.parse(text), reused: sent.reusedSocket };
  }

  it("is read", async () => {
    expect(await send("decision=allow&message=a%20b")).to.deep.include({
      status: 200,
      body: { decision: "allow", message: "a b" },
    });
  });

  it("that is too large is refused, and its connection stays usable", async () => {
    expect(await send(`a=${"x".repeat(70_000)}`)).to.deep.include({
      status: 413,
      body: { error: "the body must be at most 65536 bytes", code: "PAYLOAD_TOO_LARGE" },
    });
    expect(await send("a=1")).to.deep.equal({ status: 200, body: { a: "1" }, reused: true });
  });

  it("requires its own content type", async () => {
    expect(await send("{}", "application/json")).to.deep.include({
      status: 415,
      body: {
        error: "content-type must be application/x-www-form-urlencoded",
        code: "UNSUPPORTED_MEDIA_TYPE",
      },
    });
  });
});
