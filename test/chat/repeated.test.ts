import { readFileSync } from "node:fs";
import Anthropic from "@anthropic-ai/sdk";
import { definePlugin, Refusal } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import OpenAI from "openai";
import { rejection } from "../kernel/kit.js";

const messages = (content: string) => [{ role: "user" as const, content }];

describe("chats whose turn has run, with clients that repeat requests by themselves", () => {
  let gateway: TestGateway;
  let openai: OpenAI;
  let anthropic: Anthropic;
  let refused = 0;
  const later = definePlugin<object>({
    name: "later",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply(kernel) {
      kernel.hooks.beforeExecute.tap("later", ({ prompt }) => {
        if (!prompt.includes("later")) return;
        refused++;
        throw new Refusal(429, "not so fast", { retryAfterSecs: 0 });
      });
    },
  });
  before(async () => {
    gateway = await createTestGateway({
      plugins: [later, ["openai", { timeout_secs: 1 }], ["anthropic", { timeout_secs: 1 }]],
      async *replies({ prompt }) {
        if (prompt.includes("hang")) yield { wait: "for good" };
        if (prompt.includes("break")) throw new Error("it broke");
        if (prompt.includes("late")) {
          yield { usage: { output: 9000, costUsd: 2 } };
          yield { error: "Overloaded", failure: { code: "OVERLOADED" } };
        }
        yield "fine";
      },
    });
    const apiKey = gateway.keys["user"] ?? "";
    openai = new OpenAI({ apiKey, baseURL: `${gateway.url}/v1` });
    anthropic = new Anthropic({ apiKey, baseURL: gateway.url });
  });
  after(() => gateway.close());

  for (const [prompt, status] of [
    ["hang", 408],
    ["break", 500],
    ["overloaded, but late", 503],
  ] as const)
    for (const [client, ask] of [
      [
        "chat completions",
        () => openai.chat.completions.create({ model: "sonnet", messages: messages(prompt) }),
      ],
      ["responses", () => openai.responses.create({ model: "sonnet", input: prompt })],
      [
        "messages",
        () => anthropic.messages.create({ model: "sonnet", max_tokens: 100, messages: messages(prompt) }),
      ],
    ] as const)
      it(`${client}: a ${status} is not repeated`, async () => {
        const before = gateway.ran.length;
        // Anthropic's clients know an overloaded model by 529.
        const expected = status === 503 && client === "messages" ? 529 : status;
        expect(await rejection(ask())).to.include({ status: expected });
        expect(gateway.ran.length - before, "turns").to.equal(1);
      });

  it("one that the gateway says a time for is", async () => {
    const asking = openai.chat.completions.create({ model: "sonnet", messages: messages("later") });
    expect(await rejection(asking)).to.include({ status: 429 });
    expect(refused).to.equal(3);
  });

  for (const [plugin, { DEFAULT_TIMEOUT }] of [
    ["openai", OpenAI],
    ["anthropic", Anthropic],
  ] as const)
    it(`${plugin}: a turn runs out of time before its client does, which would repeat it`, () => {
      const file = new URL(`../../plugins/${plugin}/config.schema.json`, import.meta.url);
      const { properties } = JSON.parse(readFileSync(file, "utf8"));
      expect(properties.timeout_secs.default * 1000).to.be.at.most(DEFAULT_TIMEOUT - 60_000);
    });
});
