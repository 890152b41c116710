import { once } from "node:events";
import { connect } from "node:net";
import { expect } from "chai";
import { type ScriptedModel, startScriptedModel } from "../../../plugins/demo/dist/model/index.js";
import { ask, post, readEvents, requestBody, type SentEvent, streamedText } from "./messages-api.js";

const REMINDER = { type: "text", text: "<system-reminder>\n[[words 99]] from the CLI\n</system-reminder>\n" };

describe("demo: the scripted Messages API", () => {
  let model: ScriptedModel;
  const unknown: string[] = [];

  before(async () => {
    model = await startScriptedModel({
      inspect: true,
      onUnknown: (method, path) => unknown.push(`${method} ${path}`),
    });
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

    it("gives any text back unit by unit, however it is cut in pieces", async () => {
      const texts = [
        `[[echo]]${"x".repeat(20_000)}`,
        `[[echo]] ${"👩‍👩‍👧‍👦🏳️‍🌈".repeat(3_000)}`,
        `[[echo]] \u202bשלום\u202c ${" \t\n ".repeat(1_000)}`,
        `--version\n [[echo]] ${"word ".repeat(80_000)}`,
      ];
      for (const text of texts) {
        const sent = await events(requestBody([text]));
        expect(streamedText(sent) === text, `${text.slice(0, 30)}…`).to.equal(true);
        for (const { data } of sent) expect(JSON.stringify(data).isWellFormed()).to.equal(true);
      }
    });

    it("waits between pieces and before an answer as told", async () => {
      const before = performance.now();
      await ask(model.url, ["[[slow 20]] [[words 10]]"]);
      expect(performance.now() - before).to.be.within(190, 2_000);
      const later = performance.now();
      await ask(model.url, ["[[wait 150]] [[say now]]"]);
      expect(performance.now() - later).to.be.within(140, 2_000);
    });
  });

  it("answers in one piece where no stream is asked for", async () => {
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

  describe("what it reads", () => {
    it("takes the last thing that the caller wrote, not what the CLI put around it", async () => {
      const added = [
        "<command-name>/clear</command-name>\n  <command-args></command-args>",
        "<local-command-stdout></local-command-stdout>\n",
        "<local-command-caveat>The command below was run…</local-command-caveat>",
        "[Request interrupted by user]",
        "Tool loaded.",
      ].map((text) => ({ type: "text", text }));
      const content = [REMINDER, ...added, { type: "text", text: "[[echo]] mine" }, REMINDER];
      const messages = [
        { role: "user", content },
        { role: "system", content: "# Environment\n[[words 3]]" },
      ];
      expect(streamedText(await events({ ...requestBody([]), messages }))).to.equal("[[echo]] mine");
    });

    it("remembers earlier prompts", async () => {
      expect(await ask(model.url, ["one [[x", "two", "[[recall]]"])).to.equal(
        'I remember 2 earlier prompts: ["one [[x","two"]',
      );
      expect(await ask(model.url, ["[[recall]]"])).to.equal("I remember 0 earlier prompts: []");
    });

    it("follows the system prompt where the prompt says nothing", async () => {
      const system = [
        { type: "text", text: "x-anthropic-billing-header: [[words 9]]" },
        { type: "text", text: "[[echo]]" },
      ];
      expect(await ask(model.url, ["/clear"], { system })).to.equal("/clear");
      expect(await ask(model.url, ["@/etc/hostname"], { system: "[[echo]]" })).to.equal("@/etc/hostname");
      expect(await ask(model.url, ["[[say mine]]"], { system })).to.equal("mine");
    });

    it("introduces itself where nobody says anything", async () => {
      const reply = await ask(model.url, [`hello ${"very ".repeat(100)}long`]);
      expect(reply).to.match(
        /^This is the demo model: a script on this machine, not Claude\. You wrote: "hello very/,
      );
      expect(reply.length).to.be.below(300);
      expect(await ask(model.url, ["[[x]] hi"])).to.contain('You wrote: "[[x]] hi"');
      expect(await ask(model.url, ["[[words many]]"])).to.contain("does not understand [[words many]]");
    });
  });

  describe("after a tool call", () => {
    it("goes on behind the call that its id names, also when results before are lost", async () => {
      const prompt = "[[bash a]] [[bash b]] [[say last]]";
      const first = await toolUse(prompt, []);
      const afterFirst = await toolUse(prompt, [first]);
      expect([first, afterFirst].map(({ input }) => input["command"])).to.deep.equal(["a", "b"]);
      expect(first.id).to.not.equal(afterFirst.id);
      expect(await textAfter(prompt, [first, afterFirst])).to.equal("last");
      expect(await textAfter(prompt, [afterFirst])).to.equal("last");
    });

    it("reports the results where the script has nothing more to say", async () => {
      const prompt = "[[bash a]]";
      const call = await toolUse(prompt, []);
      expect(await textAfter(prompt, [call], "out")).to.equal("Bash answered: out");
      expect(await textAfter(prompt, [call], "no", true)).to.equal("Bash failed: no");
    });

    it("repeats what was refused when told to, or when told that it is approved", async () => {
      const call = await toolUse("[[write a b]]", []);
      const refused = history("[[write a b]]", [call], "you haven't granted permission to write yet", true);
      for (const prompt of ["[[again]]", "The following were approved: go on", "permission granted"]) {
        const messages = [
          ...refused,
          { role: "assistant", content: "ok" },
          { role: "user", content: prompt },
        ];
        const sent = await events({ ...requestBody([]), messages });
        expect(JSON.stringify(sent), prompt)
          .to.contain('"name":"Write"')
          .and.to.contain('"stop_reason":"tool_use"');
        expect(JSON.stringify(sent)).to.not.contain(call.id);
      }
    });

    interface Call {
      readonly id: string;
      readonly input: Record<string, unknown>;
    }

    function history(prompt: string, calls: readonly Call[], output = "ok", isError = false) {
      return [
        { role: "user", content: prompt },
        ...calls.flatMap(({ id, input }) => [
          {
            role: "assistant",
            content: [{ type: "tool_use", id, name: "file_path" in input ? "Write" : "Bash", input }],
          },
          {
            role: "user",
            content: [{ type: "tool_result", tool_use_id: id, content: output, is_error: isError }],
          },
        ]),
      ];
    }

    async function toolUse(prompt: string, calls: readonly Call[]): Promise<Call> {
      const body = { ...requestBody([]), stream: false, messages: history(prompt, calls) };
      const { content } = (await (await post(model.url, body)).json()) as { content: Call[] };
      const call = content.at(-1);
      if (call === undefined) throw new Error("no tool call");
      return { id: call.id, input: call.input };
    }

    async function textAfter(prompt: string, calls: readonly Call[], output?: string, isError?: boolean) {
      return streamedText(
        await events({ ...requestBody([]), messages: history(prompt, calls, output, isError) }),
      );
    }
  });

  describe("failures", () => {
    it("answers with the status, the API's error form, and a word on trying again", async () => {
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

    it("fails as often as told, by conversation, then goes on", async () => {
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

    it("breaks a stream off with an error event once something was said", async () => {
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

    it("refuses a body that is no JSON object", async () => {
      for (const body of ["{", "[]", "null", '"x"'])
        expect((await post(model.url, body)).status).to.equal(400);
    });
  });

  describe("what it records", () => {
    it("knows what it dealt, and what had been delivered when the client went away", async () => {
      const controller = new AbortController();
      const response = await post(model.url, requestBody(["[[words 4]] [[hang]]"]), controller.signal);
      await response.body?.getReader().read();
      expect(model.requests().at(-1)).to.include({
        end: "open",
        status: 200,
        kind: "turn",
        sessionId: "session-1",
      });
      controller.abort();
      await until(() => model.requests().at(-1)?.end === "gone");
      const { dealt, delivered, seq } = model.dealt().at(-1) ?? expect.fail("nothing dealt");
      expect(seq).to.equal(model.requests().at(-1)?.seq);
      expect(dealt).to.include({ input_tokens: 8, output_tokens: 4 });
      expect(delivered).to.deep.equal({ ...dealt, output_tokens: 1 });
    });

    it("deals tokens that can be told apart, the same for the same request", async () => {
      const prompts = ["first", "second", "[[words 7]]"];
      await ask(model.url, prompts);
      await ask(model.url, prompts);
      const [a, b] = model.dealt().slice(-2);
      expect(a?.dealt).to.deep.equal({
        input_tokens: 3 + Math.ceil("[[words 7]]".length / 4),
        output_tokens: 7,
        cache_read_input_tokens: 2_000,
        cache_creation_input_tokens: 120,
      });
      expect(b?.dealt).to.deep.equal(a?.dealt);
      expect(a?.delivered).to.deep.equal(a?.dealt);
    });

    it("adds up by model, failures apart", async () => {
      const claude = { model: "claude-totals-1" };
      await ask(model.url, ["[[words 5]]"], claude);
      await ask(model.url, ["[[words 6]]"], claude);
      await (await post(model.url, requestBody(["[[fail 500]]"], claude))).text();
      expect(model.totals()["claude-totals-1"]).to.deep.include({ requests: 2 });
      expect(model.totals()["claude-totals-1"]?.delivered).to.include({
        input_tokens: 12,
        output_tokens: 11,
      });
    });

    it("keeps no more requests and no more text than it was told to", async () => {
      const small = await startScriptedModel({ keepRequests: 3, keepChars: 1_000 });
      try {
        for (let i = 0; i < 10; i++) await ask(small.url, [`prompt ${i}`]);
        expect(small.requests().map(({ seq }) => seq)).to.deep.equal([8, 9, 10]);
        expect(small.dealt().map(({ seq }) => seq)).to.deep.equal([8, 9, 10]);
        expect(small.totals()["claude-sonnet-5"]?.requests).to.equal(10);
        await ask(small.url, ["x".repeat(900)]);
        await ask(small.url, ["y".repeat(5_000)]);
        expect(small.requests().map(({ prompt }) => prompt.length)).to.deep.equal([5_000]);
      } finally {
        await small.close();
      }
    });

    it("shows it over HTTP where that is switched on, and nowhere else", async () => {
      await ask(model.url, ["/clear"]);
      const requests = (await (await fetch(`${model.url}/__requests`)).json()) as { prompt: string }[];
      expect(requests.at(-1)?.prompt).to.equal("/clear");
      expect(await (await fetch(`${model.url}/__dealt`)).json()).to.deep.equal(model.dealt());
      expect(await (await fetch(`${model.url}/__totals`)).json()).to.deep.equal(model.totals());
      const shut = await startScriptedModel();
      try {
        expect((await fetch(`${shut.url}/__requests`)).status).to.equal(404);
      } finally {
        await shut.close();
      }
    });
  });

  describe("what the CLI asks beside turns", () => {
    it("answers whether it is there, which models it has, and how long a prompt is", async () => {
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

    it("answers with 404 to what it does not know, and tells", async () => {
      const response = await fetch(`${model.url}/v2/things?x=1`, { method: "PUT", body: "x" });
      expect(response.status).to.equal(404);
      expect(unknown).to.deep.equal(["PUT /v2/things"]);
    });

    it("meets the schema of a side request", async () => {
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

  it("says in one line that its port is taken", async () => {
    const error = await startScriptedModel({ port: model.port }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(String(error)).to.equal(
      `Error: the scripted model cannot listen on 127.0.0.1:${model.port}: that port is in use`,
    );
  });

  it("closes with answers under way, and lets its port go", async () => {
    const closing = await startScriptedModel();
    const hanging = post(closing.url, requestBody(["[[hang]]"])).then((response) => response.text());
    const failed = hanging.then(
      () => false,
      () => true,
    );
    await until(() => closing.requests().length === 1);
    await closing.close();
    expect(await failed).to.equal(true);
    const socket = connect(closing.port, "127.0.0.1");
    const [error] = await once(socket, "error");
    expect(error).to.have.property("code", "ECONNREFUSED");
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 200) throw new Error("it did not come about in 2 s");
    await new Promise((resume) => setTimeout(resume, 10));
  }
}
