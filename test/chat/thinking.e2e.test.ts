import Anthropic from "@anthropic-ai/sdk";
import { expect } from "chai";
import OpenAI from "openai";
import { KEYS } from "../e2e/gateway.js";
import { OptionsGateway } from "../e2e/options-kit.js";
import { rejection } from "../kernel/kit.js";

const PROMPT = "[[think one two three four]] [[words 3]]";
const THOUGHT = "one two three four";
const ANSWER = "word1 word2 word3";

describe("thinking on the chat APIs, with the real CLI and the scripted model", () => {
  let options: OptionsGateway;
  let openai: OpenAI;
  let anthropic: Anthropic;
  before(async () => {
    options = await OptionsGateway.start({
      config: "[plugins.openai]\nenabled = true\n\n[plugins.anthropic]\nenabled = true\n",
    });
    const { url } = options.gateway;
    openai = new OpenAI({ apiKey: KEYS.bob, baseURL: `${url}/v1`, maxRetries: 0 });
    anthropic = new Anthropic({ apiKey: KEYS.bob, baseURL: url, maxRetries: 0 });
  });
  after(() => options.dispose());
  const sent = () => JSON.parse(options.bodies.at(-1) ?? "{}");

  describe("chat completions", () => {
    type Body = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, "model" | "messages">;
    const messages = [{ role: "user" as const, content: PROMPT }];
    const ask = (more: object) =>
      openai.chat.completions.create({ model: "sonnet", messages, ...(more as Body) });

    it("have it as reasoning_content if it is asked for", async () => {
      for (const more of [
        { reasoning_effort: "high" },
        { reasoning: { effort: "high" } },
        { reasoning: { enabled: true } },
        { include_reasoning: true },
        { thinking: { type: "enabled" } },
      ]) {
        const { choices } = await ask(more);
        expect(choices[0]?.message, JSON.stringify(more)).to.deep.include({
          reasoning_content: THOUGHT,
          content: ANSWER,
        });
        expect(sent().thinking).to.deep.include({ display: "summarized" });
      }
      await ask({ reasoning_effort: "high" });
      expect(sent().output_config).to.deep.include({ effort: "high" });
    });

    it("do not have it otherwise", async () => {
      for (const more of [
        {},
        { reasoning_effort: "none" },
        { reasoning: { effort: "low", exclude: true } },
      ]) {
        const { choices } = await ask(more);
        expect(choices[0]?.message, JSON.stringify(more)).to.not.have.property("reasoning_content");
      }
    });

    it("stream it before the answer, and the chat goes on live without it", async () => {
      const chat = [{ role: "user" as const, content: `${PROMPT} streamed` }];
      const stream = await openai.chat.completions.create({
        model: "sonnet",
        messages: chat,
        reasoning_effort: "high",
        stream: true,
      });
      let pieces = "";
      for await (const { choices } of stream) {
        const { reasoning_content: thought, content = "" } = Object(choices[0]?.delta);
        if (thought !== undefined) pieces += `<${thought}>`;
        pieces += content ?? "";
      }
      expect(pieces.replaceAll("><", "")).to.equal(`<${THOUGHT}>${ANSWER}`);
      const { response } = await openai.chat.completions
        .create({
          model: "sonnet",
          messages: [
            ...chat,
            { role: "assistant", content: ANSWER },
            { role: "user", content: "[[words 1]]" },
          ],
          reasoning_effort: "high",
        })
        .withResponse();
      expect(response.headers.get("x-claudeway-history")).to.equal("live");
    });
  });

  describe("responses", () => {
    const request = { model: "sonnet", input: PROMPT } as const;

    it("have a summary of it as an item of their own if that is asked for", async () => {
      const { output, output_text, id } = await openai.responses.create({
        ...request,
        reasoning: { effort: "high", summary: "auto" },
      });
      expect(output.map(({ type }) => type)).to.deep.equal(["reasoning", "message"]);
      expect(output[0]).to.deep.include({ summary: [{ type: "summary_text", text: THOUGHT }] });
      expect(output_text).to.equal(ANSWER);
      const next = await openai.responses.create({
        model: "sonnet",
        input: [
          ...(output as OpenAI.Responses.ResponseInputItem[]),
          { role: "user", content: "[[words 1]]" },
        ],
      });
      expect(next.output.map(({ type }) => type)).to.deep.equal(["message"]);
      const { data, response } = await openai.responses
        .create({ model: "sonnet", input: "[[words 2]]", previous_response_id: id })
        .withResponse();
      expect(data.output_text).to.equal("word1 word2");
      expect(response.headers.get("x-claudeway-history")).to.equal("live");
    });

    it("stream it", async () => {
      const stream = openai.responses.stream({ ...request, reasoning: { summary: "auto" } });
      let thought = "";
      const seen: string[] = [];
      for await (const event of stream) {
        if (event.type === "response.reasoning_summary_text.delta") thought += event.delta;
        if (event.type === "response.output_item.done") seen.push(`${event.output_index} ${event.item.type}`);
      }
      expect(thought).to.equal(THOUGHT);
      expect(seen).to.deep.equal(["0 reasoning", "1 message"]);
      const { output, output_text } = await stream.finalResponse();
      expect(output.map(({ type }) => type)).to.deep.equal(["reasoning", "message"]);
      expect(output_text).to.equal(ANSWER);
    });
  });

  describe("messages", () => {
    const thinking = { type: "enabled", budget_tokens: 2048 } as const;
    const request = {
      model: "sonnet",
      max_tokens: 4096,
      messages: [{ role: "user" as const, content: PROMPT }],
    };

    it("have it as a block with a signature if it is asked for, and go on live with it", async () => {
      const { content } = await anthropic.messages.create({ ...request, thinking });
      expect(content.map(({ type }) => type)).to.deep.equal(["thinking", "text"]);
      expect(content[0]).to.include({ thinking: THOUGHT }).and.to.have.property("signature").that.is.not
        .empty;
      const { response } = await anthropic.messages
        .create({
          ...request,
          thinking,
          messages: [
            ...request.messages,
            { role: "assistant", content },
            { role: "user", content: "[[words 1]]" },
          ],
        })
        .withResponse();
      expect(response.headers.get("x-claudeway-history")).to.equal("live");
    });

    it("stream it as blocks that the client puts together", async () => {
      const message = await anthropic.messages.stream({ ...request, thinking }).finalMessage();
      expect(message.content).to.have.length(2);
      expect(message.content[0]).to.deep.include({ type: "thinking", thinking: THOUGHT });
      expect(message.content[0]).to.have.property("signature").that.is.not.empty;
      expect(message.content[1]).to.deep.include({ type: "text", text: ANSWER });
    });

    it("do not have it otherwise", async () => {
      for (const more of [{}, { thinking: { type: "disabled" as const } }]) {
        const { content } = await anthropic.messages.create({ ...request, ...more });
        expect(content.map(({ type }) => type)).to.deep.equal(["text"]);
      }
    });

    it("name what is wrong with thinking", async () => {
      for (const [wrong, says] of [
        [
          { type: "enabled", budget_tokens: 5 },
          "thinking.budget_tokens must be an integer of 1024 or more, got 5",
        ],
        [{ type: "odd" }, 'thinking.type must be adaptive, enabled or disabled, got "odd"'],
      ] as const) {
        const error = await rejection(anthropic.messages.create({ ...request, thinking: Object(wrong) }));
        expect(String(error)).to.contain(JSON.stringify(says).slice(1, -1));
      }
    });
  });
});
