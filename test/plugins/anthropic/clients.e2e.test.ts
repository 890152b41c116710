import Anthropic, { APIError, APIUserAbortError } from "@anthropic-ai/sdk";
import { expect } from "chai";
import OpenAI from "openai";
import { KEYS } from "../../e2e/gateway.js";
import { OptionsGateway } from "../../e2e/options-kit.js";
import { eventually } from "../../e2e/poll.js";
import { conversationIn, type SentMessage } from "../../e2e/sent-conversation.js";
import { rejection } from "../../kernel/kit.js";

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PERSON = {
  type: "object" as const,
  required: ["name"],
  properties: { name: { type: "string" } },
  additionalProperties: false,
};
const CALL = '[[{"tool": "StructuredOutput", "input": {"name": "Ada"}}]]';

type Message = Anthropic.MessageParam;

describe("anthropic with the client of Anthropic, the real CLI and the scripted model", () => {
  let options: OptionsGateway;
  let client: Anthropic;
  before(async () => {
    options = await OptionsGateway.start({
      args: ["--enable-plugin", "openai"],
      config: `
[plugins.anthropic]
enabled = true
aliases = { "claude-3-7-sonnet-latest" = "sonnet" }
`,
    });
    client = new Anthropic({ apiKey: KEYS.bob, baseURL: options.gateway.url, maxRetries: 0 });
  });
  after(() => options.dispose());

  const user = (content: string): Message => ({ role: "user", content });
  /** Sends a chat; the answer, and how the gateway came to its history. */
  async function ask(messages: readonly Message[], more: object = {}) {
    const { data, response } = await client.messages
      .create({ model: "sonnet", max_tokens: 1000, messages: [...messages], ...more })
      .withResponse();
    const [block] = data.content;
    const text = block?.type === "text" ? block.text : "";
    return { data, block, text, from: response.headers.get("x-claudeway-history") };
  }
  const sent = (): SentMessage[] => conversationIn(options.bodies.at(-1) ?? "{}");
  const system = () => JSON.stringify(JSON.parse(options.bodies.at(-1) ?? "{}").system);

  it("shares its list of models with the plugin openai", async () => {
    const ids: string[] = [];
    for await (const { id } of client.models.list()) ids.push(id);
    expect(ids).to.include.members(["sonnet", "claude-3-7-sonnet-latest", "claude-code/sonnet"]);
    expect(await client.models.retrieve("sonnet")).to.include({ id: "sonnet", type: "model" });
    const other = new OpenAI({ apiKey: KEYS.bob, baseURL: `${options.gateway.url}/v1`, maxRetries: 0 });
    expect((await other.models.list()).data.map(({ id }) => id)).to.deep.equal(ids);
    expect(await rejection(other.models.retrieve("nope"))).to.include({
      status: 404,
      code: "model_not_found",
    });
    const stranger = new OpenAI({ apiKey: "sk-wrong", baseURL: other.baseURL, maxRetries: 0 });
    expect(await rejection(stranger.models.list())).to.include({ status: 401, code: "invalid_api_key" });
  });

  it("answers plainly, with either kind of key, and counts tokens", async () => {
    const { data, text, from } = await ask([user("[[words 3]]")], { temperature: 0 });
    expect(data).to.deep.include({
      type: "message",
      role: "assistant",
      model: "sonnet",
      stop_reason: "end_turn",
    });
    expect([text, from]).to.deep.equal(["word1 word2 word3", "new"]);
    expect(data.usage.output_tokens).to.equal(3);
    expect(data.usage.input_tokens).to.be.greaterThan(0);
    const response = await options.gateway.fetch("/v1/messages", {
      key: null,
      headers: { "x-api-key": KEYS.bob, "anthropic-version": "2023-06-01" },
      body: { model: "claude-3-7-sonnet-latest", max_tokens: 10, messages: [user("[[words 1]]")] },
    });
    expect(await response.json()).to.deep.include({ content: [{ type: "text", text: "word1" }] });
  });

  it("continues a chat in the live session, and an edited one in a new session", async () => {
    const more = { system: [{ type: "text", text: "Be brief." }] };
    const one = await ask([user("[[words 1]] one")], more);
    const chat = [user("[[words 1]] one"), { role: "assistant" as const, content: one.data.content }];
    const two = await ask([...chat, user("[[words 2]] two")], more);
    expect(two.from).to.equal("live");
    expect(sent()).to.deep.equal([
      ["user", "[[words 1]] one"],
      ["assistant", "word1"],
      ["user", "[[words 2]] two"],
    ]);
    expect(system()).to.contain("Be brief.").and.not.contain("helpful");
    const edited = await ask(
      [user("[[words 1]] 1"), { role: "assistant", content: "edited" }, user("[[words 2]] two")],
      more,
    );
    expect(edited.from).to.equal("seeded");
    expect(sent()).to.have.length(3);
  });

  it("streams", async () => {
    const stream = client.messages.stream({
      model: "sonnet",
      max_tokens: 1000,
      messages: [user("[[words 4]] streamed")],
    });
    const types = new Set<string>();
    for await (const { type } of stream) types.add(type);
    expect([...types]).to.deep.equal([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    const { content, usage, stop_reason } = await stream.finalMessage();
    expect(content).to.deep.equal([{ type: "text", text: "word1 word2 word3 word4" }]);
    expect([usage.output_tokens, stop_reason]).to.deep.equal([4, "end_turn"]);
  });

  it("passes images and documents to the model", async () => {
    const source = { type: "base64" as const, media_type: "image/png" as const, data: PNG };
    await ask([
      {
        role: "user",
        content: [
          { type: "text", text: "[[words 1]]" },
          { type: "image", source },
        ],
      },
    ]);
    expect(sent()).to.deep.equal([["user", "[[words 1]]", "image"]]);
  });

  it("answers in JSON, by a schema or as the call of a forced tool", async () => {
    const format = { type: "json_schema", schema: PERSON };
    const json = await ask([user(CALL)], { output_config: { format } });
    expect(JSON.parse(json.text)).to.deep.equal({ name: "Ada" });
    const tools = [{ name: "person", input_schema: PERSON }];
    const forced = await ask([user(CALL)], { tools, tool_choice: { type: "tool", name: "person" } });
    expect(forced.data.stop_reason).to.equal("tool_use");
    expect(forced.block).to.deep.include({ type: "tool_use", name: "person", input: { name: "Ada" } });
    const stream = client.messages.stream({
      model: "sonnet",
      max_tokens: 1000,
      messages: [user(CALL)],
      tools,
      tool_choice: { type: "any" },
    });
    const [block] = (await stream.finalMessage()).content;
    expect(block).to.deep.include({ type: "tool_use", name: "person", input: { name: "Ada" } });
  });

  it("estimates tokens, and says so", async () => {
    const count = await client.messages.countTokens({ model: "sonnet", messages: [user("x".repeat(350))] });
    expect(count).to.deep.equal({ input_tokens: 104, estimated: true });
  });

  it("reports every error in the format of Anthropic's API", async () => {
    const stranger = new Anthropic({ apiKey: "sk-wrong", baseURL: client.baseURL, maxRetries: 0 });
    const error = await rejection(stranger.messages.create({ model: "sonnet", max_tokens: 1, messages: [] }));
    expect(error).to.be.instanceOf(APIError).and.to.include({ status: 401, type: "authentication_error" });
    expect(await rejection(ask([]))).to.include({ status: 400, type: "invalid_request_error" });
    const tools = [{ type: "web_search_20250305", name: "web_search" }];
    expect(String(await rejection(ask([user("hi")], { tools })))).to.contain("tools[0].type must be custom");
    const long = "[[fail 400 prompt is too long: 300000 tokens > 200000 maximum]]";
    expect(await rejection(ask([user(long)]))).to.include({ status: 400 });
    const broken = client.messages.stream({
      model: "sonnet",
      max_tokens: 9,
      messages: [user("[[words 3]] [[fail 400 broke]]")],
    });
    expect(String(await rejection(broken.finalMessage()))).to.contain("broke");
  });

  it("interrupts the turn of a client that is gone", async () => {
    const stream = client.messages.stream({
      model: "sonnet",
      max_tokens: 9,
      messages: [user("[[slow 50]] [[words 2000]]")],
    });
    stream.once("text", () => stream.abort());
    expect(await rejection(stream.finalMessage())).to.be.instanceOf(APIUserAbortError);
    await eventually("the turn's end", () => options.model.requests().every(({ end }) => end !== "open"));
  });
});
