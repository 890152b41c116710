import { expect } from "chai";
import OpenAI, { APIError, APIUserAbortError } from "openai";
import { KEYS } from "../../e2e/gateway.js";
import { OptionsGateway } from "../../e2e/options-kit.js";
import { eventually } from "../../e2e/poll.js";
import { conversationIn, type SentMessage } from "../../e2e/sent-conversation.js";
import { rejection } from "../../kernel/kit.js";

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PERSON = {
  type: "object",
  required: ["name"],
  properties: { name: { type: "string" } },
  additionalProperties: false,
};

type Message = OpenAI.ChatCompletionMessageParam;

describe("openai with the client of OpenAI, the real CLI and the scripted model", () => {
  let options: OptionsGateway;
  let client: OpenAI;
  before(async () => {
    options = await OptionsGateway.start({
      config: `
[plugins.openai]
enabled = true
aliases = { "gpt-4o" = "sonnet" }
cors_origins = ["https://chat.example.com"]
`,
    });
    client = new OpenAI({ apiKey: KEYS.bob, baseURL: `${options.gateway.url}/v1`, maxRetries: 0 });
  });
  after(() => options.dispose());

  const user = (content: string): Message => ({ role: "user", content });
  /** Sends a chat; the answer, and how the gateway came to its history. */
  async function ask(messages: readonly Message[], more: object = {}) {
    const { data, response } = await client.chat.completions
      .create({ model: "sonnet", messages: [...messages], ...more })
      .withResponse();
    return {
      data,
      text: data.choices[0]?.message.content,
      from: response.headers.get("x-claudeway-history"),
    };
  }
  const sent = (): SentMessage[] => conversationIn(options.bodies.at(-1) ?? "{}");
  const body = () => JSON.parse(options.bodies.at(-1) ?? "{}");

  it("lists models, as models and as agents", async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).to.include.members(["sonnet", "gpt-4o", "claude-code/sonnet"]);
    expect(await client.models.retrieve("claude-code/sonnet")).to.include({ id: "claude-code/sonnet" });
    expect(await rejection(client.models.retrieve("nope"))).to.include({
      status: 404,
      code: "model_not_found",
    });
  });

  it("answers plainly, without tools, with a neutral system prompt, and counts tokens", async () => {
    const { data, from } = await ask([user("[[words 3]]")], { temperature: 0, max_tokens: 10, seed: 1 });
    expect(data).to.deep.include({ object: "chat.completion", model: "sonnet" });
    expect(data.choices).to.deep.equal([
      {
        index: 0,
        message: { role: "assistant", content: "word1 word2 word3", refusal: null },
        finish_reason: "stop",
        logprobs: null,
      },
    ]);
    const { prompt_tokens = 0, completion_tokens = 0, total_tokens } = data.usage ?? {};
    expect(completion_tokens).to.equal(3);
    expect(prompt_tokens).to.be.greaterThan(0);
    expect(total_tokens).to.equal(prompt_tokens + completion_tokens);
    expect(from).to.equal("new");
    expect(body().tools ?? []).to.deep.equal([]);
    expect(JSON.stringify(body().system)).to.contain("You are a helpful assistant.");
  });

  it("continues a chat in the live session, a regenerated answer in a fork, an edited chat in a new session", async () => {
    const system: Message = { role: "system", content: "Be brief." };
    const one = await ask([system, user("[[words 1]] one")]);
    const chat = [system, user("[[words 1]] one"), { role: "assistant" as const, content: one.text ?? "" }];
    const two = await ask([...chat, user("[[words 2]] two")]);
    expect(two.from).to.equal("live");
    const expected = [
      ["user", "[[words 1]] one"],
      ["assistant", "word1"],
      ["user", "[[words 2]] two"],
    ];
    expect(sent()).to.deep.equal(expected);
    const again = await ask([...chat, user("[[words 2]] two")]);
    expect(again.from).to.equal("forked");
    expect(sent()).to.deep.equal(expected);
    const edited = await ask([
      system,
      user("[[words 1]] 1"),
      { role: "assistant", content: "edited" },
      user("[[words 2]] two"),
    ]);
    expect(edited.from).to.equal("seeded");
    expect(sent()).to.deep.equal([
      ["user", "[[words 1]] 1"],
      ["assistant", "edited"],
      ["user", "[[words 2]] two"],
    ]);
    expect(JSON.stringify(body().system)).to.contain("Be brief.").and.not.contain("helpful");
  });

  it("streams, with the usage in a chunk of its own only if asked", async () => {
    for (const include_usage of [false, true]) {
      const stream = await client.chat.completions.create({
        model: "gpt-4o",
        messages: [user(`[[words 4]] streamed ${include_usage}`)],
        stream: true,
        stream_options: { include_usage },
      });
      const chunks: OpenAI.ChatCompletionChunk[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
      expect(deltas[0]).to.deep.equal({ role: "assistant", content: "" });
      expect(deltas.map(({ content }) => content ?? "").join("")).to.equal("word1 word2 word3 word4");
      const ends = chunks.filter(({ choices }) => choices[0]?.finish_reason === "stop");
      expect(ends).to.have.length(1);
      const counted = chunks.filter(({ usage }) => usage !== undefined && usage !== null);
      expect(counted.map(({ choices }) => choices)).to.deep.equal(include_usage ? [[]] : []);
      expect(new Set(chunks.map(({ id }) => id)).size).to.equal(1);
      expect(chunks[0]?.model).to.equal("gpt-4o");
    }
  });

  it("continues live after a stream with a tool call, whatever the client keeps of it", async () => {
    const prompt = user("[[words 2]] [[bash echo hi]] [[words 1]]");
    const stream = client.chat.completions.stream({ model: "claude-code/sonnet", messages: [prompt] });
    const streamed = await stream.finalContent();
    expect(streamed).to.contain("\n");
    const kept = [prompt, { role: "assistant" as const, content: streamed }, user("[[words 1]]")];
    const next = await ask(kept, { model: "claude-code/sonnet" });
    expect(next.from).to.equal("live");
    expect(body().tools.map(({ name }: { name: string }) => name)).to.include("Bash");
    const plain = await ask([user(`${prompt.content} again`)], { model: "claude-code/sonnet" });
    const resumed = await ask(
      [
        user(`${prompt.content} again`),
        { role: "assistant", content: plain.text ?? "" },
        user("[[words 1]]"),
      ],
      { model: "claude-code/sonnet" },
    );
    expect(resumed.from).to.equal("live");
  });

  it("passes images and documents to the model, also those of a history", async () => {
    const look: Message = {
      role: "user",
      content: [
        { type: "text", text: "[[words 1]]" },
        { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } },
      ],
    };
    await ask([look]);
    expect(sent()).to.deep.equal([["user", "[[words 1]]", "image"]]);
    const seeded = await ask([look, { role: "assistant", content: "A dot?" }, user("[[words 1]]")]);
    expect(seeded.from).to.equal("seeded");
    expect(sent()[0]).to.deep.equal(["user", "[[words 1]]", "image"]);
    const bad = { type: "image_url", image_url: { url: "data:image/tiff;base64,AAAA" } };
    const error = await rejection(ask([{ role: "user", content: [bad] } as Message]));
    expect(error).to.include({ status: 400, param: "messages[0].content[0].image_url.url" });
  });

  it("answers in JSON, by a schema, as any object, or as the call of a forced function", async () => {
    const prompt = user('[[{"tool": "StructuredOutput", "input": {"name": "Ada"}}]]');
    const json_schema = { name: "person", strict: true, schema: PERSON };
    const parsed = await client.chat.completions.parse({
      model: "sonnet",
      messages: [prompt],
      response_format: { type: "json_schema", json_schema },
    });
    expect(parsed.choices[0]?.message.parsed).to.deep.equal({ name: "Ada" });
    const any = await ask([prompt], { response_format: { type: "json_object" } });
    expect(JSON.parse(any.text ?? "")).to.deep.equal({ name: "Ada" });
    const tools = [{ type: "function", function: { name: "person", parameters: PERSON } }];
    const forced = await ask([prompt], {
      tools,
      tool_choice: { type: "function", function: { name: "person" } },
    });
    const [call] = forced.data.choices[0]?.message.tool_calls ?? [];
    expect(call).to.deep.include({
      type: "function",
      function: { name: "person", arguments: '{"name":"Ada"}' },
    });
    const stream = client.chat.completions.stream({
      model: "sonnet",
      messages: [prompt],
      tools: [{ type: "function", function: { name: "person", parameters: PERSON } }],
      tool_choice: "required",
    });
    const { choices } = await stream.finalChatCompletion();
    expect(choices[0]?.finish_reason).to.equal("tool_calls");
    // A validation error of the client's goes back with the call.
    const again = await ask(
      [
        prompt,
        { role: "assistant", content: null, tool_calls: [call as OpenAI.ChatCompletionMessageToolCall] },
        { role: "tool", tool_call_id: "x", content: "name is too short" },
      ],
      { tools, tool_choice: { type: "function", function: { name: "person" } } },
    ).catch((error: unknown) => error);
    expect(again).to.not.be.instanceOf(TypeError);
    expect(JSON.stringify(sent())).to.contain("name is too short");
  });

  it("refuses by name what the answer would be wrong without", async () => {
    const tools = [{ type: "function", function: { name: "f", parameters: {} } }];
    for (const [param, more] of [
      ["n", { n: 2 }],
      ["logprobs", { logprobs: true }],
      ["modalities", { modalities: ["text", "audio"] }],
      ["tools[0].function.name", { tools: [{ type: "function", function: { name: "a b" } }] }],
      ["messages", { messages: [user("a"), { role: "assistant", content: "b" }] }],
      ["model", { model: "" }],
    ] as const) {
      const error = await rejection(ask([user("hi")], more));
      expect(error, param).to.be.instanceOf(APIError).and.to.include({ status: 400, param });
      expect(error).to.include({ type: "invalid_request_error" });
    }
    expect((await ask([user("[[words 1]]")], { tools, tool_choice: "none" })).text).to.equal("word1");
  });

  it("reports every error in the format of OpenAI's API", async () => {
    const stranger = new OpenAI({ apiKey: "sk-wrong", baseURL: client.baseURL, maxRetries: 0 });
    expect(await rejection(stranger.models.list())).to.include({ status: 401, code: "invalid_api_key" });
    expect(await rejection(client.get("/nowhere"))).to.include({ status: 404, code: "not_found" });
    expect(await rejection(client.get("/chat/completions"))).to.include({ status: 405 });
    const limited = await rejection(
      ask([user("[[fail 400 prompt is too long: 300000 tokens > 200000 maximum]]")]),
    );
    expect(limited).to.include({ status: 400, code: "context_length_exceeded" });
    const prompt = user("[[fail 401 who are you]]");
    expect(await rejection(ask([prompt]))).to.include({ status: 502, type: "server_error" });
    const stream = await client.chat.completions
      .create({ model: "sonnet", messages: [prompt], stream: true })
      .catch((error: unknown) => error);
    expect(stream, "nothing was streamed yet").to.include({ status: 502 });
  });

  it("interrupts the turn of a client that is gone", async () => {
    for (const stream of [false, true]) {
      const abort = new AbortController();
      const gone = rejection(
        (async () => {
          const answer = await client.chat.completions.create(
            { model: "sonnet", messages: [user(`[[slow 50]] [[words 2000]] ${stream}`)], stream },
            { signal: abort.signal },
          );
          if (!("controller" in answer)) return;
          for await (const _chunk of answer) abort.abort();
          throw new APIUserAbortError();
        })(),
      );
      if (!stream) setTimeout(() => abort.abort(), 1500);
      expect(await gone).to.be.instanceOf(APIUserAbortError);
      await eventually("the turn's end", () => options.model.requests().every(({ end }) => end !== "open"));
    }
  });

  it("lets pages of the named origins call it", async () => {
    const preflight = await fetch(`${options.gateway.url}/v1/chat/completions`, {
      method: "OPTIONS",
      headers: { origin: "https://chat.example.com", "access-control-request-method": "POST" },
    });
    expect(preflight.status).to.equal(204);
    expect(preflight.headers.get("access-control-allow-origin")).to.equal("https://chat.example.com");
  });
});
