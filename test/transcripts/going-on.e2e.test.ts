import { expect } from "chai";
import { TwoHomes } from "./two-homes.js";

describe("a conversation that goes on at another node", () => {
  let homes: TwoHomes;
  beforeEach(async () => {
    homes = await TwoHomes.open();
  });
  afterEach(() => homes.close());

  it("is whole there, and costs what its turns cost", async () => {
    const session = await homes.session();
    const [a, b] = [await homes.home("a"), await homes.home("b")];
    await a.claim(session);
    const first = await a.engine.run("[[words 3]] one", { session });
    expect(first.result).to.include({ end: "completed", text: "word1 word2 word3" });
    await a.handOver(session);
    await b.claim(session);
    const second = await b.engine.run("[[recall]]", { session, resume: true, totals: first.totals.at(-1) });
    expect(second.result.text).to.equal('I remember 1 earlier prompt: ["[[words 3]] one"]');
    expect(second.result.usage.costUsd).to.be.lessThan(2 * (first.result.usage.costUsd ?? 0));
    await b.handOver(session);
    await a.claim(session);
    const third = await a.engine.run("[[recall]] again", {
      session,
      resume: true,
      totals: second.totals.at(-1),
    });
    expect(third.result.text).to.contain("2 earlier prompts");
    expect([...(a.stage?.warnings ?? []), ...(b.stage?.warnings ?? [])]).to.deep.equal([]);
  });
});
