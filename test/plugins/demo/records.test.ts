import { once } from "node:events";
import { connect } from "node:net";
import { expect } from "chai";
import { type ScriptedModel, startScriptedModel } from "#plugins/demo/model/index.js";
import { ask, post, requestBody } from "./messages-api.js";

describe("demo: records of the scripted model", () => {
  let model: ScriptedModel;

  before(async () => {
    model = await startScriptedModel();
  });
  after(() => model.close());

  it("records tokens used, and tokens delivered when the client disconnected", async () => {
    const controller = new AbortController();
    const response = await post(model.url, requestBody(["[[words 4]] [[hang]]"]), controller.signal);
    await response.body?.getReader().read();
    expect(model.requests().at(-1)).to.include({
      end: "open",
      status: 200,
      kind: "turn",
      sessionId: "session-1",
    });
    controller.abort();
    await until(() => model.requests().at(-1)?.end === "gone");
    const { dealt, delivered, seq } = model.dealt().at(-1) ?? expect.fail("nothing dealt");
    expect(seq).to.equal(model.requests().at(-1)?.seq);
    expect(dealt).to.include({ input_tokens: 8, output_tokens: 4 });
    expect(delivered).to.deep.equal({ ...dealt, output_tokens: 1 });
  });

  it("reports distinguishable tokens, the same for the same request", async () => {
    const prompts = ["first", "second", "[[words 7]]"];
    await ask(model.url, prompts);
    await ask(model.url, prompts);
    const [a, b] = model.dealt().slice(-2);
    expect(a?.dealt).to.deep.equal({
      input_tokens: 3 + Math.ceil("[[words 7]]".length / 4),
      output_tokens: 7,
      cache_read_input_tokens: 2_000,
      cache_creation_input_tokens: 120,
    });
    expect(b?.dealt).to.deep.equal(a?.dealt);
    expect(a?.delivered).to.deep.equal(a?.dealt);
  });

  it("sums by model, without failures", async () => {
    const claude = { model: "claude-totals-1" };
    await ask(model.url, ["[[words 5]]"], claude);
    await ask(model.url, ["[[words 6]]"], claude);
    await (await post(model.url, requestBody(["[[fail 500]]"], claude))).text();
    expect(model.totals()["claude-totals-1"]).to.deep.include({ requests: 2 });
    expect(model.totals()["claude-totals-1"]?.delivered).to.include({
      input_tokens: 12,
      output_tokens: 11,
    });
  });

  it("bounds the number of requests and the text that it keeps", async () => {
    const small = await startScriptedModel({ keepRequests: 3, keepChars: 1_000 });
    try {
      for (let i = 0; i < 10; i++) await ask(small.url, [`prompt ${i}`]);
      expect(small.requests().map(({ seq }) => seq)).to.deep.equal([8, 9, 10]);
      expect(small.dealt().map(({ seq }) => seq)).to.deep.equal([8, 9, 10]);
      expect(small.totals()["claude-sonnet-5"]?.requests).to.equal(10);
      await ask(small.url, ["x".repeat(900)]);
      await ask(small.url, ["y".repeat(5_000)]);
      expect(small.requests().map(({ prompt }) => prompt.length)).to.deep.equal([5_000]);
    } finally {
      await small.close();
    }
  });

  it("reports a used port in one line", async () => {
    const error = await startScriptedModel({ port: model.port }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(String(error)).to.equal(
      `Error: the scripted model cannot listen on 127.0.0.1:${model.port}: that port is in use`,
    );
  });
  it("closes during answers, and releases its port", async () => {
    const closing = await startScriptedModel();
    const hanging = post(closing.url, requestBody(["[[hang]]"])).then((response) => response.text());
    const failed = hanging.then(
      () => false,
      () => true,
    );
    await until(() => closing.requests().length === 1);
    await closing.close();
    expect(await failed).to.equal(true);
    const socket = connect(closing.port, "127.0.0.1");
    const [error] = await once(socket, "error");
    expect(error).to.have.property("code", "ECONNREFUSED");
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 200) throw new Error("it did not come about in 2 s");
    await new Promise((resume) => setTimeout(resume, 10));
  }
}
