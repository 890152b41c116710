import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatAnthropic } from "@langchain/anthropic";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { generateText, jsonSchema, type LanguageModel, stepCountIs, streamText, tool } from "ai";
import { expect } from "chai";
import { KEYS } from "../../e2e/gateway.js";
import { OptionsGateway } from "../../e2e/options-kit.js";
import { sentMessages } from "../../e2e/sent-conversation.js";

const CITY = {
  type: "object" as const,
  properties: { city: { type: "string" as const } },
  required: ["city"],
  additionalProperties: false,
};
const calls = (...cities: readonly string[]) =>
  `[[tools ${JSON.stringify(cities.map((city) => ({ tool: "weather", input: { city } })))}]]`;

describe("loops of tools in frameworks, with the real CLI and the scripted model", () => {
  let options: OptionsGateway;
  before(async () => {
    options = await OptionsGateway.start({ args: ["--enable-plugin", "openai,anthropic"] });
  });
  after(() => options.dispose());
  const baseURL = () => `${options.gateway.url}/v1`;
  const apiKey = KEYS.bob;
  const sent = () => sentMessages(options.bodies.at(-1) ?? "{}");

  const PROVIDERS: Readonly<Record<string, () => LanguageModel>> = {
    "@ai-sdk/openai (responses)": () => createOpenAI({ apiKey, baseURL: baseURL() })("sonnet"),
    "@ai-sdk/openai (chat)": () => createOpenAI({ apiKey, baseURL: baseURL() }).chat("sonnet"),
    "@ai-sdk/openai-compatible": () =>
      createOpenAICompatible({ name: "claudeway", apiKey, baseURL: baseURL() })("sonnet"),
    "@ai-sdk/anthropic": () => createAnthropic({ apiKey, baseURL: baseURL() })("sonnet"),
  };

  for (const [name, modelOf] of Object.entries(PROVIDERS))
    it(`run in the AI SDK with ${name}, two calls at once, streamed too`, async () => {
      const loop = () => ({
        model: modelOf(),
        maxRetries: 0,
        maxOutputTokens: 1000,
        stopWhen: stepCountIs(3),
        tools: {
          weather: tool({
            description: "The weather.",
            inputSchema: jsonSchema<{ city: string }>(CITY),
            execute: async ({ city }) => `sunny in ${city}`,
          }),
        },
        prompt: `[[say Let me look.]] ${calls("Rome", "Oslo")} ${name}`,
      });
      const whole = await generateText(loop());
      expect(whole.steps.map(({ finishReason }) => finishReason)).to.deep.equal(["tool-calls", "stop"]);
      expect(whole.text).to.contain("sunny in Rome").and.contain("sunny in Oslo");
      const streamed = streamText(loop());
      expect(await streamed.text).to.equal(whole.text);
      expect((await streamed.steps).length).to.equal(2);
      expect(sent().map(({ role }) => role)).to.deep.equal(["user", "assistant", "user"]);
      expect(
        sent()
          .at(-1)
          ?.content.map(({ type }) => type),
      ).to.deep.equal(["tool_result", "tool_result"]);
    });

  const MODELS = {
    ChatOpenAI: () =>
      new ChatOpenAI({ apiKey, model: "sonnet", maxRetries: 0, configuration: { baseURL: baseURL() } }),
    ChatAnthropic: () =>
      new ChatAnthropic({ apiKey, model: "sonnet", maxRetries: 0, anthropicApiUrl: options.gateway.url }),
  };

  for (const [name, modelOf] of Object.entries(MODELS))
    it(`run in LangChain with ${name}`, async () => {
      const model = modelOf().bindTools([{ name: "weather", description: "The weather.", schema: CITY }]);
      const prompt = new HumanMessage(`${calls("Rome")} ${name}`);
      const asked = await model.invoke([prompt]);
      expect(asked.tool_calls?.map(({ args }) => args)).to.deep.equal([{ city: "Rome" }]);
      const results = (asked.tool_calls ?? []).map(
        ({ id = "" }) => new ToolMessage({ content: "sunny", tool_call_id: id }),
      );
      const answered = await model.invoke([prompt, asked, ...results]);
      expect(answered.text).to.contain("weather answered: sunny");
      expect(sent().map(({ role }) => role)).to.deep.equal(["user", "assistant", "user"]);
    });
});
