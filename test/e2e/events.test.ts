import { once } from "node:events";
import { startScriptedModel } from "@claudeway/plugin-demo/model";
import type { SessionStarted, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { newSession } from "./approval-kit.js";
import { agent, endJobs, JOB } from "./background-kit.js";
import { asRead, Feed, HEARS, heardOf, type ReadTurn, readTurn } from "./events-kit.js";
import { TestGateway } from "./gateway.js";
import { SUBSCRIPTION, startLimitedModel } from "./limited-model.js";
import { eventually } from "./poll.js";

const ALL_OF_IT = "[[think of a number]] [[say first]] [[bash echo one]] [[bash exit 3]] [[say last]]";

function sessionOf(gateway: TestGateway): Promise<string> {
  return gateway.request<SessionStarted>("/session/start", { body: {} }).then(({ body }) => body.session_id);
}

/** Expects the events of `ALL_OF_IT`. */
function expectAll(turn: ReadTurn): void {
  expect(
    turn
      .of("thinking")
      .map(({ text }) => text)
      .join(""),
  ).to.equal("of a number");
  const calls = turn.of("tool_call");
  expect(calls.map(({ name, input }) => [name, input])).to.deep.equal([
    ["Bash", { command: "echo one", description: "Demo command" }],
    ["Bash", { command: "exit 3", description: "Demo command" }],
  ]);
  const results = turn.of("tool_result");
  expect(results.map(({ id }) => id)).to.deep.equal(calls.map(({ id }) => id));
  expect(results.map(({ ok, text, length }) => [ok, text, length])).to.deep.equal([
    [true, "one", 3],
    [false, "Exit code 3", 11],
  ]);
  const [done] = turn.of("done");
  const usage = turn.of("usage");
  expect(usage.at(-1)?.["tokens"], "the last usage is that of the response").to.deep.equal(done?.["tokens"]);
  expect(usage.length).to.be.at.least(4);
  expect(turn.events.at(-1)?.event).to.equal("done");
}

describe("the events of a turn", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({
      args: ["--enable-plugin", HEARS],
      config: "[engine]\nspares = 1\n",
      env: { IS_SANDBOX: "1" },
    });
  });
  after(() => gateway.dispose());

  it("come from a cold and a live process, and a plugin hears them with what came of the turn", async () => {
    const path = `/session/${await sessionOf(gateway)}/stream`;
    for (const process of ["cold", "live"]) {
      const turn = await readTurn(gateway, path, { prompt: ALL_OF_IT, events: "all" });
      expectAll(turn);
      const heard = await heardOf(gateway, turn.turnId);
      expect(heard).to.deep.include({ process, stopReason: "end_turn", toolCalls: { Bash: 2 } });
      expect(heard.firstTokenMs).to.be.within(1, heard.durationMs + 1000);
      for (const name of turn.names) expect(heard.types, name).to.include(name);
    }
  });

  it("come from a prewarmed process", async () => {
    await eventually("a task in a prewarmed process", async () => {
      const turn = await readTurn(gateway, "/task/stream", { prompt: ALL_OF_IT, events: "all" });
      expectAll(turn);
      return (await heardOf(gateway, turn.turnId)).process === "prewarmed";
    });
  });

  it("are only of the kinds that the request names", async () => {
    const path = `/session/${await sessionOf(gateway)}/stream`;
    const named = async (events: unknown) =>
      (await readTurn(gateway, path, { prompt: ALL_OF_IT, events })).names;
    expect(await named([])).to.deep.equal(["done"]);
    expect(await named(["thinking"])).to.deep.equal(["thinking", "done"]);
    expect(await named(["usage"])).to.deep.equal(["usage", "done"]);
    const results = ["tool_call", "tool_result", "tool_call", "tool_result", "done"];
    expect(await named(["tools", "tools"])).to.deep.equal(results);
    const { status, body } = await gateway.request("/task", { body: { prompt: "x", events: ["tool"] } });
    expect({ status, error: body["error"] }).to.deep.equal({
      status: 400,
      error:
        'events[0] must be tools, thinking, retries, limits, tasks, questions or usage, got "tool"; did you mean tools?',
    });
  });

  it("are kept of a request that waits for the response alone, and come over the WebSocket", async () => {
    const id = await sessionOf(gateway);
    const answer = await gateway.request<TurnResponse>(`/session/${id}`, {
      body: { prompt: ALL_OF_IT, events: "all" },
    });
    const turnId = answer.headers.get("x-turn-id") ?? "";
    const kept = await (await gateway.fetch(`/turns/${turnId}/events`)).text();
    for (const name of ["thinking", "tool_call", "tool_result", "usage"])
      expect(kept).to.contain(`event: ${name}\n`);

    const socket = gateway.socket();
    const frames: { event: string; data: unknown }[] = [];
    socket.on("message", (data) => frames.push(JSON.parse(data.toString())));
    await once(socket, "open");
    socket.send(JSON.stringify({ prompt: ALL_OF_IT, events: ["tools"] }));
    await once(socket, "close");
    const events = frames.map(({ event, data }) => ({ id: "", event, data: JSON.stringify(data) }));
    expect(asRead("", events).names).to.deep.equal([
      "tool_call",
      "tool_result",
      "tool_call",
      "tool_result",
      "done",
    ]);
  });

  it("name the call whose subagent they belong to", async () => {
    const work = agent("[[think inner thoughts]] [[bash echo inner]] [[say inside]]", false);
    const path = `/session/${await sessionOf(gateway)}/stream`;
    for (const process of ["cold", "live"]) {
      const prompt = `[[bash echo outer]] ${work} [[say out]]`;
      const turn = await readTurn(gateway, path, { prompt, events: "all" });
      const [outer, launch, inner] = turn.of("tool_call");
      expect([outer?.["name"], launch?.["name"], inner?.["input"]]).to.deep.equal([
        "Bash",
        "Agent",
        { command: "echo inner", description: "Demo command" },
      ]);
      const parents = turn.of("tool_call").map(({ parent_tool_use_id }) => parent_tool_use_id);
      expect(parents).to.deep.equal([undefined, undefined, launch?.["id"]]);
      const result = turn.of("tool_result").find(({ id }) => id === inner?.["id"]);
      expect(result).to.include({ ok: true, text: "inner", parent_tool_use_id: launch?.["id"] });
      expect(turn.of("thinking")).to.deep.equal([
        { text: "inner thoughts", parent_tool_use_id: launch?.["id"] },
      ]);
      expect(turn.of("task").map(({ state, background }) => [state, background])).to.deep.equal([
        ["started", false],
        ["progress", false],
        ["ended", false],
      ]);
      expect(await heardOf(gateway, turn.turnId)).to.deep.include({
        process,
        toolCalls: { Bash: 2, Agent: 1 },
      });
    }
  });

  it("tell of a command in the background: its start in the turn, its end in the session", async () => {
    const session = await newSession(gateway);
    const { id } = session;
    const feed = await Feed.open(gateway, id);
    const prompt = `${JOB} [[say started]]`;
    const turn = await readTurn(gateway, `/session/${id}/stream`, { prompt, events: ["tasks"] });
    await endJobs(session);
    const [started] = turn.of("task");
    expect(started).to.include({
      state: "started",
      kind: "shell",
      description: "Test job",
      background: true,
    });
    const ended = await feed.until("task", ({ state }) => state === "ended");
    expect(ended).to.include({
      id: started?.["id"],
      result: "completed",
      summary: 'Background command "Test job" completed (exit code 0)',
      tool_use_id: started?.["tool_use_id"],
    });
    expect(ended).not.to.have.property("turn_id");
    feed.close();
  });

  it("tell of a subagent in the background, with its calls, in the session", async () => {
    const id = await sessionOf(gateway);
    const feed = await Feed.open(gateway, id);
    const work = agent("[[wait 500]] [[bash echo inner]] [[wait 500]] [[say inside]]", true);
    const prompt = `${work} [[say started]] [[noticed [[bash echo noticed]] [[say done]]]]`;
    const turn = await readTurn(gateway, `/session/${id}/stream`, { prompt, events: "all" });
    const [launch] = turn.of("tool_call");
    expect(turn.of("tool_call")).to.have.length(1);
    const inner = await feed.until("tool_call", ({ parent_tool_use_id }) => parent_tool_use_id !== undefined);
    expect(inner).to.include({ name: "Bash", parent_tool_use_id: launch?.["id"] });
    expect(await feed.until("task", ({ state }) => state === "progress")).to.include({ kind: "subagent" });
    expect(await feed.until("task", ({ state }) => state === "ended")).to.include({ result: "completed" });
    const own = await feed.until("turn", ({ origin }) => origin === "background");
    const noticed = await feed.until("tool_call", ({ turn_id }) => turn_id === own["turn_id"]);
    expect(noticed["input"]).to.deep.include({ command: "echo noticed" });
    await feed.until("done", ({ turn_id }) => turn_id === own["turn_id"]);
    feed.close();
  });

  it("tell of repeated requests and of a compaction", async () => {
    const path = `/session/${await sessionOf(gateway)}/stream`;
    for (const part of ["one", "two"]) {
      const prompt = `[[fail 2x 529 busy ${part}]] [[say fine]]`;
      const turn = await readTurn(gateway, path, { prompt, events: ["retries"] });
      expect(turn.of("retry").map(({ wait_ms, ...retry }) => [typeof wait_ms, retry])).to.deep.equal([
        ["number", { status: 529, error: "overloaded", attempt: 1, of: 10 }],
        ["number", { status: 529, error: "overloaded", attempt: 2, of: 10 }],
      ]);
      expect(turn.of("done")[0]).to.include({ success: true, result: "fine" });
    }
    const compacted = (await readTurn(gateway, path, { prompt: "/compact", events: ["usage"] })).of(
      "compacted",
    );
    expect(compacted.map(({ trigger }) => trigger)).to.deep.equal(["manual"]);
    expect(compacted[0]?.["tokens_before"]).to.be.greaterThan(0);
  });

  it("pass structured output and what stopped the model to plugins", async () => {
    const output = `[[${JSON.stringify({ tool: "StructuredOutput", input: { name: "Ada" } })}]]`;
    const schema = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };
    const turn = await readTurn(gateway, "/task/stream", { prompt: output, output_schema: schema });
    const { response, toolCalls, types } = await heardOf(gateway, turn.turnId);
    expect(response.structured_output).to.deep.equal({ name: "Ada" });
    expect(toolCalls).to.deep.equal({ StructuredOutput: 1 });
    expect(types).to.include("tool_call");
    expect(turn.names, "the stream has none that were not named").to.deep.equal(["done"]);
  });

  it("cut a long result, and say how long it was", async () => {
    const command = "node -e 'console.log(\"x\".repeat(25000))'";
    const prompt = `[[${JSON.stringify({ tool: "Bash", input: { command, description: "Long" } })}]]`;
    const turn = await readTurn(gateway, "/task/stream", { prompt, events: ["tools"] });
    const [result] = turn.of("tool_result");
    expect(String(result?.["text"])).to.have.length(16_384);
    expect(result?.["length"]).to.be.at.least(25_000);
  });
});

describe("the event of a limit", () => {
  it("comes before the limit is reached, and when it is", async () => {
    const model = await startScriptedModel();
    const resetsAt = new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000);
    const limited = await startLimitedModel(model.url, resetsAt);
    const gateway = await TestGateway.start({
      config: "[engine]\nspares = 0\n",
      env: { ...SUBSCRIPTION, ANTHROPIC_BASE_URL: limited.url },
    });
    try {
      const path = `/session/${await sessionOf(gateway)}/stream`;
      const ask = () => readTurn(gateway, path, { prompt: "[[say hi]]", events: ["limits"] });
      const limit = { limit: "five_hour", resets_at: resetsAt.toISOString() };
      const near = await ask();
      expect(near.of("limit")).to.deep.equal([{ status: "warning", ...limit, utilization: 0.93 }]);
      expect(near.of("done")[0]).to.include({ success: true });
      limited.state = "rejected";
      const reached = await ask();
      expect(reached.of("limit")).to.deep.equal([{ status: "rejected", ...limit, utilization: null }]);
      expect(reached.of("done")[0]).to.include({ success: false });
    } finally {
      await gateway.dispose();
      limited.close();
      await model.close();
    }
  });
});
