import Anthropic from "@anthropic-ai/sdk";
import { expect } from "chai";
import OpenAI from "openai";
import { KEYS } from "../../e2e/gateway.js";
import { OptionsGateway } from "../../e2e/options-kit.js";
import { eventually } from "../../e2e/poll.js";
import { type SentBlocks, sentMessages } from "../../e2e/sent-conversation.js";
import { rejection } from "../../kernel/kit.js";

const CITY = {
  type: "object" as const,
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const TOOLS: OpenAI.ChatCompletionTool[] = [
  { type: "function", function: { name: "weather", description: "The weather.", parameters: CITY } },
  { type: "function", function: { name: "time", parameters: CITY } },
];
const OF_ANTHROPIC: Anthropic.Tool[] = [
  { name: "weather", description: "The weather.", input_schema: CITY },
  { name: "time", input_schema: CITY },
];

type Message = OpenAI.ChatCompletionMessageParam;
type ToolCall = OpenAI.ChatCompletionMessageFunctionToolCall;

const call = (city: string) => ({ tool: "weather", input: { city } });
/** Has the model call the tool for each city, in one message. */
const calls = (...cities: readonly string[]) => `[[tools ${JSON.stringify(cities.map(call))}]]`;
const user = (content: string) => ({ role: "user" as const, content });
const used = (id: string, city: string) => ({
  type: "tool_use",
  id,
  name: "mcp__client__weather",
  input: { city },
});

describe("calls of clients' tools, with the real CLI and the scripted model", () => {
  let options: OptionsGateway;
  let openai: OpenAI;
  let anthropic: Anthropic;
  const connect = () => {
    const { url } = options.gateway;
    openai = new OpenAI({ apiKey: KEYS.bob, baseURL: `${url}/v1`, maxRetries: 0 });
    anthropic = new Anthropic({ apiKey: KEYS.bob, baseURL: url, maxRetries: 0 });
  };
  before(async () => {
    options = await OptionsGateway.start({ args: ["--enable-plugin", "openai,anthropic"] });
    connect();
  });
  after(() => options.dispose());
  const sent = (): SentBlocks[] => sentMessages(options.bodies.at(-1) ?? "{}");

  async function ask(messages: readonly Message[], more: object = {}, client = openai) {
    const { data, response } = await client.chat.completions
      .create({ model: "sonnet", messages: [...messages], tools: TOOLS, ...more })
      .withResponse();
    const [choice] = data.choices;
    if (choice === undefined) throw new Error("no choice");
    const made = (choice.message.tool_calls ?? []).filter((one): one is ToolCall => one.type === "function");
    const chat: Message[] = [...messages, choice.message];
    return { data, choice, chat, made, from: response.headers.get("x-claudeway-history") };
  }
  const answer = ({ id }: ToolCall, content: string): Message => ({
    role: "tool",
    tool_call_id: id,
    content,
  });

  describe("in chat completions", () => {
    it("are returned, and go on live with the result", async () => {
      const asked = await ask([user(`[[say Let me look.]] ${calls("Rome")}`)]);
      expect(asked.choice.finish_reason).to.equal("tool_calls");
      expect(asked.choice.message.content).to.equal("Let me look.");
      expect(asked.made.map(({ function: of }) => of)).to.deep.equal([
        { name: "weather", arguments: '{"city":"Rome"}' },
      ]);
      const [made] = asked.made;
      if (made === undefined) throw new Error("no call");
      const answered = await ask([...asked.chat, answer(made, "sunny")]);
      expect(answered.choice.finish_reason).to.equal("stop");
      expect(answered.choice.message.content).to.contain("weather answered: sunny");
      expect(answered.from).to.equal("live");
      expect(sent().slice(1)).to.deep.equal([
        { role: "assistant", content: [{ type: "text", text: "Let me look." }, used(made.id, "Rome")] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: made.id, content: "sunny" }] },
      ]);
      const later = await ask([...answered.chat, user("[[words 2]]")]);
      expect(later.from, "the turn after").to.equal("live");
      for (const { data } of [asked, answered]) expect(data.usage?.completion_tokens).to.be.greaterThan(0);
    });

    it("are answered two at once, streamed", async () => {
      const stream = openai.chat.completions.stream({
        model: "sonnet",
        messages: [user(calls("Rome", "Oslo"))],
        tools: TOOLS,
        stream_options: { include_usage: true },
      });
      const { choices, usage } = await stream.finalChatCompletion();
      const message = choices[0]?.message;
      const made = message?.tool_calls ?? [];
      expect(choices[0]?.finish_reason).to.equal("tool_calls");
      expect(made.map(({ function: { arguments: given } }) => given)).to.deep.equal([
        '{"city":"Rome"}',
        '{"city":"Oslo"}',
      ]);
      expect(usage?.completion_tokens).to.be.greaterThan(0);
      const results = made.map((one, index): Message => answer(one, ["sun", "rain"][index] ?? ""));
      const answered = await ask([
        user(calls("Rome", "Oslo")),
        { role: "assistant", content: message?.content ?? null, tool_calls: made },
        ...results.toReversed(),
      ]);
      expect(answered.from).to.equal("live");
      expect(answered.choice.message.content).to.contain("answered: sun").and.contain("answered: rain");
    });

    for (const signal of ["SIGTERM", "SIGKILL"] as const)
      it(`are answered after the gateway was ended with ${signal}`, async () => {
        const asked = await ask([user(`${calls("Rome", "Oslo")} ${signal}`)]);
        const results = asked.made.map((one) => answer(one, `${signal} it is`));
        await options.gateway.stop(signal);
        await options.gateway.launch();
        connect();
        const answered = await ask([...asked.chat, ...results]);
        expect(answered.from).to.equal("live");
        expect(answered.choice.message.content).to.contain(`${signal} it is`);
        expect(sent().map(({ role }) => role)).to.deep.equal(["user", "assistant", "user"]);
        expect(sent().at(-1)?.content).to.deep.equal(
          asked.made.map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: `${signal} it is` })),
        );
      });

    it("are seeded with their results where the session is gone, and for another key", async () => {
      const asked = await ask([user(`${calls("Rome")} elsewhere`)]);
      const [made] = asked.made;
      if (made === undefined) throw new Error("no call");
      const history = [...asked.chat, answer(made, "sunny")];
      const other = new OpenAI({ apiKey: KEYS.admin, baseURL: `${options.gateway.url}/v1`, maxRetries: 0 });
      const theirs = await ask(history, {}, other);
      expect(theirs.from, "another key never gets the session").to.equal("seeded");
      const expected = [
        { role: "user", content: [{ type: "text", text: `${calls("Rome")} elsewhere` }] },
        { role: "assistant", content: [used(made.id, "Rome")] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: made.id, content: "sunny" }] },
      ];
      expect(sent()).to.deep.equal(expected);
      expect((await ask(history)).from, "the key itself").to.equal("live");
      expect(sent()).to.deep.equal(expected);
      const again = await ask(history);
      expect(again.from, "the same request once more").not.to.equal("live");
      expect(sent()).to.deep.equal(expected);
      expect(again.choice.message.content).to.contain("weather answered: sunny");
    });

    it("of other models and clients are real calls in the conversation too", async () => {
      const foreign = "call.of/another:model";
      const answered = await ask([
        user("The weather?"),
        {
          role: "assistant",
          content: null,
          tool_calls: [
            { id: foreign, type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } },
          ],
        },
        { role: "tool", tool_call_id: foreign, content: [{ type: "text", text: "sun" }] },
        { role: "assistant", content: "Sun." },
        user("[[words 1]]"),
      ]);
      expect(answered.from).to.equal("seeded");
      const [, made, given] = sent();
      const id = made?.content[0]?.["id"];
      expect(id).to.match(/^call_[0-9a-f]{32}$/);
      expect(made?.content).to.deep.equal([used(String(id), "Rome")]);
      expect(given?.content).to.deep.equal([{ type: "tool_result", tool_use_id: id, content: "sun" }]);
    });

    it("are refused by name where their arguments are nested too deep", async () => {
      const given = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
      const of = { name: "weather", arguments: given };
      const refused = await rejection(
        ask([
          user("The weather?"),
          { role: "assistant", content: null, tool_calls: [{ id: "c", type: "function", function: of }] },
          { role: "tool", tool_call_id: "c", content: "sun" },
        ]),
      );
      const error = { status: 400, type: "invalid_request_error" };
      const param = "messages[1].tool_calls[0].function.arguments";
      expect(refused).to.include({ ...error, param });
      expect(String(refused)).to.contain(`${param} must be nested at most 200 levels deep`);
      const input = [
        user("The weather?"),
        { type: "function_call" as const, call_id: "c", ...of },
        { type: "function_call_output" as const, call_id: "c", output: "sun" },
      ];
      expect(await rejection(openai.responses.create({ model: "sonnet", input }))).to.include({
        ...error,
        param: "input[1].arguments",
      });
    });

    it("are text for a model without tools", async () => {
      const asked = await ask([user(`${calls("Rome")} no tools later`)]);
      const [made] = asked.made;
      if (made === undefined) throw new Error("no call");
      await ask([...asked.chat, answer(made, "sun")], { tool_choice: "none" });
      expect(sent().at(-1)?.content).to.deep.equal([{ type: "text", text: "Result of the call: sun" }]);
    });

    it("can be required, one of several", async () => {
      const output = { call: { name: "time", input: { city: "Oslo" } } };
      const prompt = `[[${JSON.stringify({ tool: "StructuredOutput", input: output })}]]`;
      const { choice, made } = await ask([user(prompt)], { tool_choice: "required" });
      expect(choice.finish_reason).to.equal("tool_calls");
      expect(made.map(({ function: of }) => of)).to.deep.equal([
        { name: "time", arguments: '{"city":"Oslo"}' },
      ]);
    });

    it("come one at a time without parallel calls", async () => {
      const { made } = await ask([user(calls("Rome", "Oslo"))], { parallel_tool_calls: false });
      expect(made.map(({ function: of }) => of.arguments)).to.deep.equal(['{"city":"Rome"}']);
    });

    it("are forgotten by a client that never answers, and by one that goes away", async () => {
      await ask([user(`${calls("Rome")} forgotten`)]);
      const gone = new AbortController();
      const prompt = user(`[[say x]] [[wait 60000]] ${calls("Rome")}`);
      const asking = openai.chat.completions.create(
        { model: "sonnet", messages: [prompt], tools: TOOLS },
        { signal: gone.signal },
      );
      const failed = rejection(asking);
      await eventually("the request", () => options.bodies.some((body) => body.includes("[[wait 60000]]")));
      gone.abort();
      await failed;
      await eventually("no turn runs", async () => {
        const { body } = await options.gateway.request<{ running: number }>("/health");
        return (body.running ?? 0) === 0;
      });
      expect((await ask([user("[[words 1]]")])).choice.message.content).to.equal("word1");
    });
  });

  describe("in responses", () => {
    it("are items, and go on with their outputs, by id and with the whole input", async () => {
      const tools: OpenAI.Responses.Tool[] = [
        { type: "function", name: "weather", parameters: CITY, strict: false },
      ];
      const stream = openai.responses.stream({
        model: "sonnet",
        input: `[[say Let me look.]] ${calls("Rome", "Oslo")}`,
        tools,
      });
      const asked = await stream.finalResponse();
      expect(asked.output.map(({ type }) => type)).to.deep.equal([
        "message",
        "function_call",
        "function_call",
      ]);
      const outputs = asked.output.flatMap((item) =>
        item.type === "function_call"
          ? [{ type: "function_call_output" as const, call_id: item.call_id, output: `of ${item.arguments}` }]
          : [],
      );
      const answered = await openai.responses.create({
        model: "sonnet",
        tools,
        previous_response_id: asked.id,
        input: outputs,
      });
      expect(answered.output_text).to.contain('of {"city":"Rome"}').and.contain('of {"city":"Oslo"}');
      expect(sent().map(({ role }) => role)).to.deep.equal(["user", "assistant", "user"]);
      const whole = await openai.responses.create({
        model: "sonnet",
        tools,
        store: false,
        input: [
          { role: "user", content: `[[say Let me look.]] ${calls("Rome", "Oslo")}` },
          ...asked.output.map((item) => (item.type === "message" ? { ...item } : item)),
          ...outputs,
        ] as OpenAI.Responses.ResponseInput,
      });
      expect(whole.output_text).to.equal(answered.output_text);
      const kept = await openai.responses.retrieve(asked.id);
      expect(kept.output.map(({ id }) => id)).to.deep.equal(asked.output.map(({ id }) => id));
    });
  });

  describe("in messages", () => {
    async function say(messages: Anthropic.MessageParam[], more: object = {}) {
      const { data, response } = await anthropic.messages
        .create({ model: "sonnet", max_tokens: 100, messages, tools: OF_ANTHROPIC, ...more, stream: false })
        .withResponse();
      return { data, from: response.headers.get("x-claudeway-history") };
    }

    it("are blocks, two at once, and go on live with their results", async () => {
      const prompt = user(`[[say Let me look.]] ${calls("Rome", "Oslo")}`);
      const { data } = await say([prompt]);
      expect(data.stop_reason).to.equal("tool_use");
      expect(data.content.map(({ type }) => type)).to.deep.equal(["text", "tool_use", "tool_use"]);
      const made = data.content.filter((block): block is Anthropic.ToolUseBlock => block.type === "tool_use");
      expect(made.map(({ name, input }) => ({ name, input }))).to.deep.equal([
        { name: "weather", input: { city: "Rome" } },
        { name: "weather", input: { city: "Oslo" } },
      ]);
      const results = made.map(({ id }, index) => ({
        type: "tool_result" as const,
        tool_use_id: id,
        content: [{ type: "text" as const, text: `result ${index}` }],
        is_error: index === 1,
      }));
      const answered = await say([
        prompt,
        { role: "assistant", content: data.content },
        { role: "user", content: [...results, { type: "text", text: "Well?" }] },
      ]);
      expect(answered.from).to.equal("live");
      expect(answered.data.stop_reason).to.equal("end_turn");
      expect(sent().at(-1)?.content).to.deep.equal([
        { type: "tool_result", tool_use_id: made[0]?.id, content: "result 0" },
        { type: "tool_result", tool_use_id: made[1]?.id, content: "result 1", is_error: true },
        { type: "text", text: "Well?" },
      ]);
    });

    it("are streamed after the text", async () => {
      const stream = anthropic.messages.stream({
        model: "sonnet",
        max_tokens: 100,
        messages: [user(`[[say Look.]] ${calls("Rome")}`)],
        tools: OF_ANTHROPIC,
      });
      const { content, stop_reason } = await stream.finalMessage();
      expect(stop_reason).to.equal("tool_use");
      expect(content.map(({ type }) => type)).to.deep.equal(["text", "tool_use"]);
      expect(content[1]).to.deep.include({ name: "weather", input: { city: "Rome" } });
      const bare = anthropic.messages.stream({
        model: "sonnet",
        max_tokens: 100,
        messages: [user(calls("Oslo"))],
        tools: OF_ANTHROPIC,
      });
      expect((await bare.finalMessage()).content.map(({ type }) => type)).to.deep.equal(["tool_use"]);
    });
  });
});
