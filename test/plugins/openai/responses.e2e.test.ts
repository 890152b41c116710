import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import OpenAI from "openai";
import { KEYS } from "../../e2e/gateway.js";
import { OptionsGateway } from "../../e2e/options-kit.js";
import { conversationIn } from "../../e2e/sent-conversation.js";
import { areTwoNodes } from "../../e2e/two-nodes.js";
import { rejection } from "../../kernel/kit.js";

const PERSON = {
  type: "object",
  required: ["name"],
  properties: { name: { type: "string" } },
  additionalProperties: false,
};
const CALL = '[[{"tool": "StructuredOutput", "input": {"name": "Ada"}}]]';

describe("openai's responses with the client of OpenAI", () => {
  let options: OptionsGateway;
  let client: OpenAI;
  const clientOf = (apiKey: string) =>
    new OpenAI({ apiKey, baseURL: `${options.gateway.url}/v1`, maxRetries: 0 });
  before(async () => {
    options = await OptionsGateway.start({ config: "[plugins.openai]\nenabled = true\n" });
    client = clientOf(KEYS.bob);
  });
  after(() => options.dispose());

  type Request = Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, "model">;
  async function respond(request: Request) {
    const { data, response } = await client.responses.create({ model: "sonnet", ...request }).withResponse();
    return { data, text: data.output_text, from: response.headers.get("x-claudeway-history") };
  }
  const sent = () => conversationIn(options.bodies.at(-1) ?? "{}");

  it("answer a prompt, and go on live from a stored response", async () => {
    const one = await respond({ input: "[[words 2]] one", instructions: "Be brief." });
    expect(one.data).to.include({ object: "response", status: "completed", model: "sonnet", error: null });
    expect(one.data.usage?.output_tokens).to.equal(2);
    expect([one.text, one.from]).to.deep.equal(["word1 word2", "new"]);
    const next = { input: "[[words 1]] two", instructions: "Be brief.", previous_response_id: one.data.id };
    const two = await respond(next);
    expect([two.from, two.data.previous_response_id]).to.deep.equal(["live", one.data.id]);
    const chat = [
      ["user", "[[words 2]] one"],
      ["assistant", "word1 word2"],
      ["user", "[[words 1]] two"],
    ];
    expect(sent()).to.deep.equal(chat);
    const again = await respond(next);
    expect(again.from).to.equal("forked");
    expect(sent()).to.deep.equal(chat);
    expect(JSON.parse(options.bodies.at(-1) ?? "{}").system.at(-1).text).to.contain("Be brief.");
    const three = await respond({ input: "[[words 1]] three", previous_response_id: two.data.id });
    expect(three.from, "instructions are not carried over").to.equal("seeded");
    expect(sent()).to.have.length(5);
  });

  it("take a chat as items, with references to stored answers", async () => {
    const one = await respond({ input: "[[words 1]] items" });
    const id = one.data.output[0]?.id ?? "";
    const input: OpenAI.Responses.ResponseInput = [
      { role: "user", content: [{ type: "input_text", text: "[[words 1]] items" }] },
      { type: "item_reference", id },
      { role: "user", content: "[[words 1]] next" },
    ];
    expect((await respond({ input })).from).to.equal("live");
    const output = one.data.output as OpenAI.Responses.ResponseInput;
    const again = [input[0], ...output, input[2]] as OpenAI.Responses.ResponseInput;
    const { from } = await respond({ input: again });
    // Where a fork is not possible, the log says why.
    expect(from, options.gateway.stderr.split("\n").slice(-10).join("\n")).to.equal("forked");
  });

  it("stream", async () => {
    const stream = client.responses.stream({ model: "sonnet", input: "[[words 3]] streamed" });
    const types: string[] = [];
    const numbers: number[] = [];
    for await (const { type, sequence_number } of stream) {
      if (types.at(-1) !== type) types.push(type);
      numbers.push(sequence_number);
    }
    expect(types).to.deep.equal([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(numbers).to.deep.equal(numbers.map((_, index) => index));
    const { id, output_text } = await stream.finalResponse();
    expect(output_text).to.equal("word1 word2 word3");
    const stored = await client.responses.retrieve(id);
    expect(stored.output_text).to.equal(output_text);
  });

  it("answer in JSON, or with the call of a forced function", async () => {
    const format = { type: "json_schema" as const, name: "person", strict: true, schema: PERSON };
    const parsed = await client.responses.parse({ model: "sonnet", input: CALL, text: { format } });
    expect(parsed.output_parsed).to.deep.equal({ name: "Ada" });
    const tools = [{ type: "function" as const, name: "person", parameters: PERSON, strict: true }];
    const stream = client.responses.stream({
      model: "sonnet",
      input: CALL,
      tools,
      tool_choice: { type: "function", name: "person" },
    });
    const [call] = (await stream.finalResponse()).output;
    expect(call).to.include({ type: "function_call", name: "person", arguments: '{"name":"Ada"}' });
    const search = await rejection(respond({ input: "hi", tools: [{ type: "web_search" }] }));
    expect(search).to.include({ status: 400, param: "tools[0].type" });
  });

  it("are stored for their key alone, until they are deleted", async () => {
    const { data } = await respond({ input: "[[words 1]]" });
    const stranger = clientOf(KEYS.admin);
    for (const refused of [
      () => stranger.responses.retrieve(data.id),
      () => stranger.responses.delete(data.id),
      () => client.responses.retrieve("resp_../../x"),
    ])
      expect(await rejection(refused())).to.include({ status: 404, code: "response_not_found" });
    const stolen = stranger.responses.create({ model: "sonnet", input: "hi", previous_response_id: data.id });
    expect(await rejection(stolen)).to.include({ status: 400, code: "previous_response_not_found" });
    await client.responses.delete(data.id);
    expect(await rejection(client.responses.retrieve(data.id))).to.include({ status: 404 });
    const unstored = await respond({ input: "[[words 1]]", store: false });
    expect(await rejection(client.responses.retrieve(unstored.data.id))).to.include({ status: 404 });
  });

  it("are answered if they can't be stored, and say so", async function () {
    if (areTwoNodes()) this.skip();
    const folder = join(options.gateway.dataDir, "plugins", "openai", "responses");
    mkdirSync(folder, { recursive: true });
    renameSync(folder, `${folder}.away`);
    writeFileSync(folder, "not a folder");
    try {
      const { data } = await respond({ input: "[[words 2]]" });
      expect([data.output_text, data.status]).to.deep.equal(["word1 word2", "completed"]);
      expect(data).to.have.property("store", false);
      const stream = client.responses.stream({ model: "sonnet", input: "[[words 1]]" });
      expect(await stream.finalResponse()).to.include({ output_text: "word1", store: false });
      await options.gateway.logs("a response could not be stored");
    } finally {
      rmSync(folder);
      renameSync(`${folder}.away`, folder);
    }
  });

  it("report failures, before and in the middle of a stream", async () => {
    const long = "[[fail 400 prompt is too long: 300000 tokens > 200000 maximum]]";
    expect(await rejection(respond({ input: long }))).to.include({
      status: 400,
      code: "context_length_exceeded",
    });
    expect(await rejection(respond({ input: "hi", background: true }))).to.include({ param: "background" });
    const stream = client.responses.stream({ model: "sonnet", input: "[[words 3]] [[fail 400 broke]]" });
    const types: string[] = [];
    for await (const { type } of stream) types.push(type);
    expect(types.at(-1)).to.equal("response.failed");
  });
});
