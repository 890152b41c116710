import { expect } from "chai";
import { auditLines } from "../e2e/audit.js";
import { KEYS } from "../e2e/gateway.js";
import { OptionsGateway } from "../e2e/options-kit.js";
import { eventually, limitSecs } from "../e2e/poll.js";

const user = (content: unknown) => ({ role: "user", content });
const says = (text: string) => ({ messages: [user(text)] });
const picture = (url: string) => ({ messages: [user([{ type: "image_url", image_url: { url } }])] });
const COMPLETIONS = "/v1/chat/completions";

/** A request, and what its client is told: the status, the message (or how it begins), the field. */
type Case = readonly [path: string, body: object, status: number, message: string, param?: string | null];

const CASES: readonly Case[] = [
  [COMPLETIONS, says("[[fail 400 too odd]]"), 400, "too odd", null],
  [COMPLETIONS, { ...says("[[fail 400 too odd]]"), stream: true }, 400, "too odd", null],
  ["/v1/responses", { input: "[[fail 400 too odd]]" }, 400, "too odd", null],
  ["/v1/messages", says("[[fail 400 too odd]]"), 400, "too odd"],
  ["/v1/messages", { ...says("[[fail 400 too odd]]"), stream: true }, 400, "too odd"],
  [COMPLETIONS, { messages: null }, 400, "messages must be an array, got null", "messages"],
  [COMPLETIONS, { messages: ["x"] }, 400, 'messages[0] must be an object, got "x"', "messages[0]"],
  [
    COMPLETIONS,
    { messages: [user(5)] },
    400,
    "messages[0].content must be a string or an array, got 5",
    "messages[0].content",
  ],
  [
    COMPLETIONS,
    { messages: [user("a"), { role: "assistant", content: "b\0" }, user("c")] },
    400,
    "messages[1].content must be a string without NUL characters",
    "messages[1].content",
  ],
  [
    COMPLETIONS,
    picture("data:image/png;base64,AA=A"),
    400,
    "messages[0].content[0].image_url.url must be data in base64",
    "messages[0].content[0].image_url.url",
  ],
  [
    COMPLETIONS,
    picture(`https://x/${"y".repeat(9000)}`),
    400,
    "messages[0].content[0].image_url.url must be an http or https URL of at most 8192 characters",
    "messages[0].content[0].image_url.url",
  ],
  [COMPLETIONS, { ...says("a"), model: "x y" }, 400, "model must be the name or alias of a model", "model"],
  [
    COMPLETIONS,
    {
      ...says("a"),
      response_format: { type: "json_schema", json_schema: { name: "n", schema: { type: "odd" } } },
    },
    400,
    "response_format.json_schema.schema must be a JSON Schema",
    "response_format.json_schema.schema",
  ],
  [
    COMPLETIONS,
    { ...says("a"), reasoning_effort: "wow" },
    400,
    'reasoning_effort must be one of none, minimal, low, medium, high, xhigh, got "wow"',
    "reasoning_effort",
  ],
  [
    "/v1/responses",
    {
      input: [{ type: "reasoning" }, user([{ type: "input_image", image_url: "data:image/tiff;base64,AA" }])],
    },
    400,
    "input[1].content[0].image_url must be a PNG, JPEG, GIF or WebP image in base64, or a URL",
    "input[1].content[0].image_url",
  ],
  [
    "/v1/responses",
    { input: [{ type: "function_call", name: 3 }] },
    400,
    "input[0].name must be a string, got 3",
    "input[0].name",
  ],
  [
    "/v1/responses",
    { input: "a", text: { format: { type: "json_schema", name: "n", schema: { type: "odd" } } } },
    400,
    "text.format.schema must be a JSON Schema",
    "text.format.schema",
  ],
  [
    "/v1/messages",
    { messages: [user([{ type: "image", source: { type: "base64", media_type: "image/png", data: "*" } }])] },
    400,
    "messages[0].content[0].source.data must be data in base64",
  ],
  ["/v1/messages", { ...says("a"), system: 5 }, 400, "system must be a string or an array, got 5"],
  [
    "/v1/messages",
    { ...says("a"), output_config: { format: { type: "json_schema", schema: { type: "odd" } } } },
    400,
    "output_config.format.schema must be a JSON Schema",
  ],
];

/** Odd forms that clients send. */
const ACCEPTED: readonly (readonly [path: string, body: object])[] = [
  [COMPLETIONS, { ...says("[[words 1]]"), n: "1", stream_options: null, logprobs: null, metadata: "x" }],
  [COMPLETIONS, { ...says("[[words 1]]"), temperature: "0.5", max_tokens: "10", unknown: {}, stop: null }],
  [
    COMPLETIONS,
    { ...says("[[words 1]]"), response_format: null, tools: null, tool_choice: null, user: null },
  ],
  [COMPLETIONS, { messages: [user(["[[words 1]]"])] }],
  [
    COMPLETIONS,
    { messages: [user(Array.from({ length: 150 }, (_, at) => ({ type: "text", text: `${at}` })))] },
  ],
  [COMPLETIONS, picture("data:image/jpg;name=a;base64,AA\nAA")],
  ["/v1/responses", { input: "[[words 1]]", text: null, reasoning: null, max_output_tokens: "5" }],
  [
    "/v1/messages",
    { ...says("[[words 1]]"), max_tokens: "5", temperature: "1", system: null, metadata: null },
  ],
  ["/v1/messages", { ...says("[[words 1]]"), output_config: null, tools: [], tool_choice: null }],
];

describe("errors of the chat APIs, with the real CLI and the scripted model", () => {
  let options: OptionsGateway;
  before(async () => {
    options = await OptionsGateway.start({
      config: "[plugins.openai]\nenabled = true\n\n[plugins.anthropic]\nenabled = true\n",
    });
  });
  after(() => options.dispose());

  async function post(path: string, body: object) {
    const response = await fetch(options.gateway.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${KEYS.bob}` },
      body: JSON.stringify({ model: "sonnet", ...body }),
    });
    return { response, body: JSON.parse(await response.text()) };
  }

  for (const [path, request, status, message, param] of CASES)
    it(`${path} ${JSON.stringify(request).slice(0, 80)}: ${message}`, async () => {
      const { response, body } = await post(path, request);
      expect(response.status).to.equal(status);
      expect(body.error.message).to.match(new RegExp(`^${escaped(message)}`));
      expect(body.error.type).to.equal("invalid_request_error");
      expect(body.error.param).to.equal(param);
      expect(response.headers.get("retry-after")).to.equal(null);
    });

  for (const [path, request] of ACCEPTED)
    it(`${path} ${JSON.stringify(request).slice(0, 80)} is accepted`, async () => {
      const { response, body } = await post(path, request);
      expect(response.status, JSON.stringify(body)).to.equal(200);
    });

  for (const [prompt, openai, anthropic] of [
    ["[[fail 429 slow down]]", [429, "rate_limit_exceeded"], [429, "rate_limit_error"]],
    ["[[fail 529 Overloaded]]", [503, "overloaded"], [529, "overloaded_error"]],
  ] as const)
    it(`${prompt} says when to try again, and names no address of the operator's`, async () => {
      const one = await post(COMPLETIONS, says(prompt));
      expect([one.response.status, one.body.error.code]).to.deep.equal(openai);
      const other = await post("/v1/messages", says(prompt));
      expect([other.response.status, other.body.error.type]).to.deep.equal(anthropic);
      for (const { response, body } of [one, other]) {
        expect(response.headers.get("retry-after")).to.equal("10");
        expect(response.headers.get("x-should-retry")).to.equal(null);
        expect(JSON.stringify(body)).to.not.contain("127.0.0.1");
      }
    });

  for (const [path, request] of [
    [COMPLETIONS, says("[[words 1]]")],
    ["/v1/responses", { input: "[[words 1]]" }],
    ["/v1/messages", says("[[words 1]]")],
  ] as const)
    it(`${path}: its turn has one line in the key's audit log, with its cost`, async () => {
      const { response, body } = await post(path, request);
      const id = response.headers.get("x-turn-id");
      const tokens = body.usage.completion_tokens ?? body.usage.output_tokens;
      const lines = await eventually("the line", () => {
        const found = auditLines(options.gateway, "bob").filter((line) => line["turn_id"] === id);
        return found.length > 0 && found;
      });
      expect(lines).to.have.length(1);
      expect(lines[0]).to.deep.include({ key_id: "bob", success: true });
      expect(Object(lines[0]?.["tokens"]).output).to.equal(tokens);
      expect(lines[0]?.["cost_usd"]).to.be.a("number").that.is.greaterThan(0);
    });

  it("an API that is overloaded until the turn's time is over is reported as that", async () => {
    await options.gateway.stop();
    const config = `[plugins.openai]\nenabled = true\ntimeout_secs = ${limitSecs(8)}\n`;
    await options.gateway.launch({ config, env: options.env });
    const { response, body } = await post(COMPLETIONS, says("[[fail 20x 529 Overloaded]]"));
    expect(response.status).to.equal(503);
    expect(body.error.code).to.equal("overloaded");
    expect(response.headers.get("retry-after")).to.equal("10");
  });
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
