import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatAnthropic } from "@langchain/anthropic";
import { AIMessage, HumanMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import {
  generateObject,
  generateText,
  jsonSchema,
  type LanguageModel,
  type ModelMessage,
  streamText,
} from "ai";
import { expect } from "chai";
import { KEYS } from "../../e2e/gateway.js";
import { OptionsGateway } from "../../e2e/options-kit.js";
import { conversationIn } from "../../e2e/sent-conversation.js";
import { rejection } from "../../kernel/kit.js";

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PERSON = {
  type: "object" as const,
  required: ["name"],
  properties: { name: { type: "string" as const } },
  additionalProperties: false,
};
const LIMITS = { maxRetries: 0, maxOutputTokens: 1000 };
const CALL = '[[{"tool": "StructuredOutput", "input": {"name": "Ada"}}]]';

describe("frameworks that clients are built with", () => {
  let options: OptionsGateway;
  before(async () => {
    options = await OptionsGateway.start({ args: ["--enable-plugin", "openai,anthropic"] });
  });
  after(() => options.dispose());
  const sent = () => conversationIn(options.bodies.at(-1) ?? "{}");
  const baseURL = () => `${options.gateway.url}/v1`;
  const apiKey = KEYS.bob;

  const PROVIDERS: Readonly<Record<string, (key: string) => LanguageModel>> = {
    "@ai-sdk/openai (responses)": (key) => createOpenAI({ apiKey: key, baseURL: baseURL() })("sonnet"),
    "@ai-sdk/openai (chat)": (key) => createOpenAI({ apiKey: key, baseURL: baseURL() }).chat("sonnet"),
    "@ai-sdk/openai-compatible": (key) =>
      createOpenAICompatible({
        name: "claudeway",
        apiKey: key,
        baseURL: baseURL(),
        supportsStructuredOutputs: true,
        includeUsage: true,
      })("sonnet"),
    "@ai-sdk/anthropic": (key) => createAnthropic({ apiKey: key, baseURL: baseURL() })("sonnet"),
  };

  for (const [name, modelOf] of Object.entries(PROVIDERS)) {
    it(`the AI SDK with ${name}: plain, streamed, live, image, structured, error`, async () => {
      const model = modelOf(apiKey);
      const prompt: ModelMessage = { role: "user", content: `[[words 2]] ${name}` };
      const first = await generateText({ model, messages: [prompt], ...LIMITS });
      expect(first.text).to.equal("word1 word2");
      expect(first.usage.outputTokens).to.equal(2);
      const chat: ModelMessage[] = [
        prompt,
        ...first.response.messages,
        { role: "user", content: "[[words 3]]" },
      ];
      const streamed = streamText({ model, messages: chat, ...LIMITS });
      let text = "";
      for await (const delta of streamed.textStream) text += delta;
      expect(text).to.equal("word1 word2 word3");
      expect((await streamed.response).headers?.["x-claudeway-history"]).to.equal("live");
      expect(sent()).to.have.length(3);
      const content = [
        { type: "text" as const, text: "[[words 1]]" },
        { type: "image" as const, image: PNG },
      ];
      await generateText({ model, messages: [{ role: "user", content }], ...LIMITS });
      expect(sent()).to.deep.equal([["user", "[[words 1]]", "image"]]);
      const schema = jsonSchema<{ name: string }>(PERSON);
      const { object } = await generateObject({ model, schema, prompt: CALL, ...LIMITS });
      expect(object).to.deep.equal({ name: "Ada" });
      const refused = generateText({ model: modelOf("sk-wrong"), prompt: "hi", ...LIMITS });
      expect(await rejection(refused)).to.include({ statusCode: 401 });
    });
  }

  const CHAINS = {
    "@langchain/openai": (key: string) =>
      new ChatOpenAI({ model: "sonnet", apiKey: key, configuration: { baseURL: baseURL() }, maxRetries: 0 }),
    "@langchain/anthropic": (key: string) =>
      new ChatAnthropic({
        model: "sonnet",
        apiKey: key,
        anthropicApiUrl: options.gateway.url,
        maxRetries: 0,
      }),
  };

  for (const [name, modelOf] of Object.entries(CHAINS)) {
    it(`LangChain with ${name}: plain, streamed, live, structured, error`, async () => {
      const model = modelOf(apiKey);
      const prompt = new HumanMessage(`[[words 2]] ${name}`);
      const { text } = await model.invoke([prompt]);
      expect(text).to.equal("word1 word2");
      let streamed = "";
      const next = [prompt, new AIMessage(text), new HumanMessage("[[words 3]]")];
      for await (const chunk of await model.stream(next)) streamed += chunk.text;
      expect(streamed).to.equal("word1 word2 word3");
      expect(sent()).to.have.length(3);
      const [one, two] = options.model.requests().slice(-2);
      expect(two?.sessionId, "live").to.be.a("string").and.to.equal(one?.sessionId);
      const structured = model.withStructuredOutput<{ name: string }>(PERSON, { name: "person" });
      expect(await structured.invoke(CALL)).to.deep.equal({ name: "Ada" });
      expect(await rejection(modelOf("sk-wrong").invoke("hi"))).to.include({ status: 401 });
    });
  }
});
