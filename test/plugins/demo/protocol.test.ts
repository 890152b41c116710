import { expect } from "chai";
import { type ScriptedModel, startScriptedModel } from "#plugins/demo/model/index.js";
import { ask, post, readEvents, requestBody, type SentEvent, streamedText } from "./messages-api.js";

describe("demo: the Messages API's protocol", () => {
  const unknown: string[] = [];
  let model: ScriptedModel;

  before(async () => {
    model = await startScriptedModel({ onUnknown: (method, path) => unknown.push(`${method} ${path}`) });
  });
  after(() => model.close());

  async function events(body: Record<string, unknown>): Promise<SentEvent[]> {
    return readEvents(await (await post(model.url, body)).text());
  }

  describe("streaming", () => {
    it("sends the protocol's events in order, with usage at both ends", async () => {
      const response = await post(model.url, requestBody(["[[words 3]]"]));
      expect(response.headers.get("content-type")).to.equal("text/event-stream; charset=utf-8");
      const sent = readEvents(await response.text());
      expect(sent.map(({ event }) => event)).to.deep.equal([
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
      ]);
      for (const { event, data } of sent) expect(data["type"]).to.equal(event);
      expect(sent[0]?.data["message"]).to.deep.include({
        type: "message",
        role: "assistant",
        model: "claude-sonnet-5",
        content: [],
        stop_reason: null,
        usage: {
          input_tokens: 6,
          output_tokens: 1,
          cache_read_input_tokens: 0,
          cache_creation_input_tokens: 100,
          service_tier: "standard",
        },
      });
      expect(sent.at(-2)?.data).to.deep.include({ delta: { stop_reason: "end_turn", stop_sequence: null } });
      expect(sent.at(-2)?.data["usage"]).to.deep.include({ input_tokens: 6, output_tokens: 3 });
      expect(streamedText(sent)).to.equal("word1 word2 word3");
    });

    it("streams a tool call as pieces of JSON, after the text before it, and stops there", async () => {
      const sent = await events(requestBody(['[[say first]] [[write "a b" x]] [[say after]]']));
      const json = sent
        .map(({ data }) => (data["delta"] as { partial_json?: string })?.partial_json ?? "")
        .join("");
      expect(JSON.parse(json)).to.deep.equal({ file_path: "a b", content: "x" });
      expect(streamedText(sent)).to.equal("first");
      const starts = sent.filter(({ event }) => event === "content_block_start").map(({ data }) => data);
      expect(starts.map(({ index }) => index)).to.deep.equal([0, 1]);
      expect(starts[1]?.["content_block"]).to.include({ type: "tool_use", name: "Write" });
      expect(sent.at(-2)?.data["delta"]).to.deep.include({ stop_reason: "tool_use" });
    });

    it("streams thinking with a signature", async () => {
      const sent = await events(requestBody(["[[think about it]] [[say done]]"]));
      const deltas = sent
        .filter(({ event }) => event === "content_block_delta")
        .map(({ data }) => data["delta"]);
      expect(deltas.map((delta) => (delta as { type: string }).type)).to.deep.equal([
        "thinking_delta",
        "thinking_delta",
        "signature_delta",
        "text_delta",
      ]);
    });

    it("returns any text exactly, however it is split", async () => {
      const texts = [
        `[[echo]]${"x".repeat(20_000)}`,
        `[[echo]] ${"👩‍👩‍👧‍👦🏳️‍🌈".repeat(3_000)}`,
        `[[echo]] \u202bשלום\u202c ${" \t\n ".repeat(1_000)}`,
        `--version\n [[echo]] ${"word ".repeat(80_000)}`,
      ];
      for (const text of texts) {
        const sent = await events(requestBody([text]));
        expect(streamedText(sent) === text, `${text.slice(0, 30)}…`).to.equal(true);
        for (const { data } of sent) {
          const json = JSON.stringify(data);
          expect(json).to.equal(Buffer.from(json).toString());
        }
      }
    });

    it("waits between pieces and before an answer", async () => {
      const before = performance.now();
      await ask(model.url, ["[[slow 20]] [[words 10]]"]);
      expect(performance.now() - before).to.be.at.least(190);
      const later = performance.now();
      await ask(model.url, ["[[wait 150]] [[say now]]"]);
      expect(performance.now() - later).to.be.at.least(140);
    });
  });

  it("answers in one piece without streaming", async () => {
    const body = { ...requestBody(["[[say hello there]] [[bash ls]]"]), stream: false };
    const response = await post(model.url, body);
    expect(response.headers.get("content-type")).to.equal("application/json");
    const message = (await response.json()) as Record<string, unknown>;
    expect(message).to.deep.include({ type: "message", role: "assistant", stop_reason: "tool_use" });
    const content = message["content"] as Record<string, unknown>[];
    expect(content[0]).to.deep.equal({ type: "text", text: "hello there" });
    expect(content[1]).to.deep.include({ type: "tool_use", name: "Bash" });
    expect(message["usage"]).to.deep.include({ output_tokens: 22, cache_creation_input_tokens: 100 });
  });
  describe("failures", () => {
    it("answers with the status, the API's error format, and a retry hint", async () => {
      const cases = [
        ["[[fail 400 no such thing]]", 400, "invalid_request_error", "no such thing"],
        ["[[fail 529]]", 529, "overloaded_error", "The script answers with 529."],
        ["[[slow 1]] [[wait 5]] [[fail 500 broke]]", 500, "api_error", "broke"],
      ] as const;
      for (const [prompt, status, type, message] of cases) {
        for (const stream of [true, false]) {
          const response = await post(model.url, { ...requestBody([prompt]), stream });
          expect(response.status).to.equal(status);
          expect(response.headers.get("x-should-retry")).to.equal("false");
          expect(await response.json()).to.deep.equal({ type: "error", error: { type, message } });
        }
      }
    });

    it("fails the given number of times per conversation, then continues", async () => {
      const body = requestBody(["[[fail 2x 529 busy]] [[say better]]"]);
      const statuses = [];
      for (let i = 0; i < 3; i++) {
        const response = await post(model.url, body);
        statuses.push(response.status, response.headers.get("x-should-retry"));
        if (response.status === 200)
          expect(streamedText(readEvents(await response.text()))).to.equal("better");
      }
      expect(statuses).to.deep.equal([529, "true", 529, "true", 200, null]);
      expect(
        (await post(model.url, requestBody(["before", "[[fail 2x 529 busy]] [[say better]]"]))).status,
      ).to.equal(529);
    });

    it("refuses every request of the account until its limit is lifted, once per script", async () => {
      const limited = await startScriptedModel();
      try {
        const body = requestBody(["[[limit five_hour 1]] [[say better]]"]);
        const refused = await post(limited.url, body);
        const resetsAt = Number(refused.headers.get("anthropic-ratelimit-unified-reset")) * 1000;
        expect(refused.status).to.equal(429);
        expect(refused.headers.get("anthropic-ratelimit-unified-representative-claim")).to.equal("five_hour");
        expect(resetsAt).to.be.greaterThan(Date.now());
        const other = await post(limited.url, requestBody(["Hi"]));
        expect(other.headers.get("anthropic-ratelimit-unified-reset")).to.equal(String(resetsAt / 1000));
        await new Promise((resolve) => setTimeout(resolve, resetsAt - Date.now()));
        expect(streamedText(readEvents(await (await post(limited.url, body)).text()))).to.equal("better");
      } finally {
        await limited.close();
      }
    });

    it("ends a stream with an error event after some text", async () => {
      const sent = await events(requestBody(["[[words 2]] [[fail 529 busy]]"]));
      expect(sent.at(-1)).to.deep.equal({
        event: "error",
        data: { type: "error", error: { type: "overloaded_error", message: "busy" } },
      });
      expect(streamedText(sent)).to.equal("word1 word2");
    });

    it("drops the connection in mid stream", async () => {
      const response = await post(model.url, requestBody(["[[words 2]] [[cut]]"]));
      expect(response.status).to.equal(200);
      let failed: unknown;
      await response.text().catch((error: unknown) => {
        failed = error;
      });
      expect(failed).to.be.instanceOf(TypeError);
      expect(model.requests().at(-1)?.end).to.equal("cut");
    });

    it("refuses a model that is not Claude's as the real API does", async () => {
      const response = await post(model.url, { ...requestBody(["[[words 2]]"]), model: "gpt-9" });
      expect(response.status).to.equal(404);
      expect(await response.json()).to.deep.equal({
        type: "error",
        error: { type: "not_found_error", message: "model: gpt-9" },
      });
    });

    it("refuses a body that is not a JSON object", async () => {
      for (const body of ["{", "[]", "null", '"x"'])
        expect((await post(model.url, body)).status).to.equal(400);
    });
  });

  describe("other requests of the CLI", () => {
    it("answers health, model and token-count requests", async () => {
      expect((await fetch(`${model.url}/api/hello`, { method: "HEAD" })).status).to.equal(200);
      expect((await fetch(model.url)).status).to.equal(200);
      expect(await (await fetch(`${model.url}/v1/models?limit=9`)).json())
        .to.have.property("data")
        .of.length(1);
      const count = await fetch(`${model.url}/v1/messages/count_tokens`, {
        method: "POST",
        body: '{"messages":[]}',
      });
      expect(await count.json()).to.deep.equal({ input_tokens: 4 });
      expect(
        (await fetch(`${model.url}/api/event_logging/batch`, { method: "POST", body: "{}" })).status,
      ).to.equal(200);
    });

    it("answers unknown requests with 404, and reports them", async () => {
      const response = await fetch(`${model.url}/v2/things?x=1`, { method: "PUT", body: "x" });
      expect(response.status).to.equal(404);
      expect(unknown).to.deep.equal(["PUT /v2/things"]);
    });

    it("satisfies the schema of a side request", async () => {
      const schema = {
        type: "object",
        properties: { title: { type: "string" }, n: { type: "integer" }, kind: { enum: ["a", "b"] } },
      };
      const output_config = { format: { type: "json_schema", schema } };
      const text = await ask(model.url, ["<session>\n[[words 9]] fix it\n</session>\n\nWrite"], {
        output_config,
        tools: [],
      });
      expect(JSON.parse(text)).to.deep.equal({ title: "Demo: [[words 9]] fix it", n: 0, kind: "a" });
      expect(model.dealt().at(-1)?.kind).to.equal("title");
    });
  });
});
