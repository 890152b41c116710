import { expect } from "chai";
import { LatestPrompts } from "#plugins/dashboard/live/prompts.js";

describe("dashboard: the latest prompts", () => {
  it("are stored by turn; a long one is cut and its length is stored", () => {
    const prompts = new LatestPrompts();
    prompts.note("short", "hello");
    prompts.note("long", "é".repeat(1_000_000));
    expect(prompts.of("short")).to.deep.equal({ text: "hello", chars: 5 });
    expect(prompts.of("long")).to.deep.equal({ text: "é".repeat(200_000), chars: 1_000_000 });
    expect(prompts.of("never")).to.equal(undefined);
  });

  it("are bounded in size: the oldest are dropped", () => {
    const prompts = new LatestPrompts();
    for (let turn = 0; turn < 1000; turn++) prompts.note(`${turn}`, "x".repeat(100_000));
    const kept = Array.from({ length: 1000 }, (_, turn) => prompts.of(`${turn}`) !== undefined);
    expect(kept.filter(Boolean)).to.have.length(80);
    expect(kept.slice(920).every(Boolean)).to.equal(true);
  });

  it("are bounded in number, counting empty ones", () => {
    const prompts = new LatestPrompts();
    for (let turn = 0; turn < 100_000; turn++) prompts.note(`${turn}`, "");
    expect(prompts.of("0")).to.equal(undefined);
    expect(prompts.of("99999")).to.deep.equal({ text: "", chars: 0 });
  });
});
