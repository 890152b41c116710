import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";

describe("metadata of openai's responses", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await createTestGateway({ plugins: ["openai"] });
  });
  after(() => gateway.close());

  async function respond(metadata: unknown) {
    const answer = await gateway.fetch("/v1/responses", { body: { model: "sonnet", input: "hi", metadata } });
    const { metadata: echoed, error } = JSON.parse(await answer.text());
    return { status: answer.status, echoed, param: error?.param, message: error?.message };
  }
  const pairs = (count: number, value: unknown = "v") =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, value]));

  it("is returned up to the limits of OpenAI's API", async () => {
    const largest = {
      ...pairs(14, "x".repeat(512)),
      ["k".repeat(64)]: "",
      ["😀".repeat(64)]: "😀".repeat(512),
    };
    expect(await respond(largest)).to.deep.include({ status: 200, echoed: largest });
    expect(await respond(null)).to.deep.include({ status: 200, echoed: {} });
  });

  for (const [what, metadata, param, message] of [
    ["a text", "abc", "metadata", 'metadata must be an object, got "abc"'],
    ["a list", ["abc"], "metadata", "metadata must be an object, got an array"],
    ["17 pairs", pairs(17), "metadata", "metadata must have at most 16 pairs, got 17"],
    [
      "a key of 65 characters",
      { ["k".repeat(65)]: "v" },
      "metadata",
      "metadata must have keys of at most 64 characters, got one of 65",
    ],
    [
      "a value of 513 characters",
      pairs(1, "x".repeat(513)),
      "metadata.k0",
      "metadata.k0 must have at most 512 characters, got 513",
    ],
    ["a number as a value", pairs(1, 7), "metadata.k0", "metadata.k0 must be a string, got 7"],
    ["a list as a value", pairs(1, ["x"]), "metadata.k0", "metadata.k0 must be a string, got an array"],
  ] as const)
    it(`is refused as ${what}`, async () => {
      expect(await respond(metadata)).to.deep.include({ status: 400, param, message });
    });
});
