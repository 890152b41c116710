import { expect } from "chai";
import { TestGateway } from "./gateway.js";

describe("POST /task", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
  });
  after(() => gateway.dispose());

  it("answers with the result, the tokens and the cost that the model dealt", async () => {
    const { status, body, headers } = await gateway.request("/task", { body: { prompt: "[[words 7]]" } });
    const [usage] = gateway.model.dealt();
    expect(status).to.equal(200);
    expect(body).to.include({
      result: "word1 word2 word3 word4 word5 word6 word7",
      success: true,
      error: null,
    });
    expect(body["tokens"]).to.deep.equal({
      input: usage?.dealt.input_tokens,
      output: usage?.dealt.output_tokens,
      cache_read: usage?.dealt.cache_read_input_tokens,
      cache_write: usage?.dealt.cache_creation_input_tokens,
    });
    expect(body["cost_usd"]).to.be.greaterThan(0);
    expect(headers.get("x-turn-id")).to.equal(body["session_id"]);
  });

  it("streams the text so far, then the whole answer", async () => {
    const events = await gateway.events("/task/stream", { body: { prompt: "[[slow 20]] [[words 20]]" } });
    const texts = events.filter(({ event }) => event === "text").map(({ data }) => data);
    const done = events.at(-1);
    expect(done?.event).to.equal("done");
    expect(texts.length).to.be.greaterThan(1);
    for (const [index, text] of texts.entries())
      expect(texts[index + 1] ?? text).to.satisfy((next: string) => next.startsWith(text));
    expect(JSON.parse(done?.data ?? "{}").result).to.equal(texts.at(-1));
  });
});
