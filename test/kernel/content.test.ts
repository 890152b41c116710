import { expect } from "chai";
import { checkTurnPlan } from "#kernel/calling/answers.js";
import { toPrompt } from "#kernel/content.js";

const IMAGE = { type: "image", source: { type: "url", url: "https://example.invalid/x.png" } } as const;
const TEXT = { type: "text", text: "What is this?" } as const;
const GIVEN = {
  ...toPrompt([TEXT, IMAGE, { type: "text", text: "Be brief." }]),
  model: "sonnet",
  systemPrompt: undefined,
  workdir: "/srv",
  timeoutMs: 1000,
  verbatim: false,
  maxBudgetUsd: undefined,
};

describe("content blocks in a plan", () => {
  it("have the text of their text blocks as the prompt", () => {
    expect(GIVEN.prompt).to.equal("What is this?\nBe brief.");
    expect(toPrompt("text")).to.deep.equal({ prompt: "text" });
  });

  it("get the text that a plugin replaced the prompt by", () => {
    const { prompt, content } = checkTurnPlan({ ...GIVEN, prompt: "redacted" }, GIVEN);
    expect(prompt).to.equal("redacted");
    expect(content).to.deep.equal([IMAGE, { type: "text", text: "redacted" }]);
    expect(checkTurnPlan({ ...GIVEN, prompt: "" }, GIVEN).content).to.deep.equal([IMAGE]);
  });

  it("that a plugin changed have the last word", () => {
    const { prompt, content } = checkTurnPlan({ ...GIVEN, content: [TEXT], prompt: "ignored" }, GIVEN);
    expect([prompt, content]).to.deep.equal(["What is this?", [TEXT]]);
  });

  it("stay as they are where nothing was changed", () => {
    expect(checkTurnPlan({ ...GIVEN, model: "opus" }, GIVEN)).to.include({ content: GIVEN.content });
  });

  it("must be content blocks", () => {
    const wrong = { ...GIVEN, content: JSON.parse('[{"type": "audio"}]') };
    expect(() => checkTurnPlan(wrong, GIVEN)).to.throw("content");
  });
});
