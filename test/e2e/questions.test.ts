import { once } from "node:events";
import { expect } from "chai";
import { Feed, HEARS, heardOf, readTurn } from "./events-kit.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually, limitSecs } from "./poll.js";
import { ASK, askAll, NO_TOOL, newSession, StreamedTurn } from "./questions-kit.js";

const ASKED = {
  question: "Which way?",
  header: "Demo",
  multi_select: false,
  options: [
    { label: "left", description: 'The answer "left"' },
    { label: "right", description: 'The answer "right"' },
  ],
};

describe("questions of the model, with the bypass on", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({
      args: ["--enable-plugin", HEARS],
      config: "[engine]\nspares = 1\ngrace_secs = 2\n",
      env: { IS_SANDBOX: "1" },
    });
  });
  after(() => gateway.dispose());

  /** The states of the approvals of a turn. */
  async function statesOf(turnId: string): Promise<string[]> {
    const { body } = await gateway.request<{ approvals: { turn_id: string; status: string }[] }>(
      "/approvals?limit=1000",
    );
    return body.approvals.filter(({ turn_id }) => turn_id === turnId).map(({ status }) => status);
  }

  it("come as an event, and the answer goes to the model", async () => {
    const turn = await StreamedTurn.start(gateway, "/task/stream", { prompt: ASK }, { key: KEYS.bob });
    const question = await turn.question();
    expect(question.questions).to.deep.equal([ASKED]);
    const accepted = await turn.answer({ answers: { "Which way?": "right" } }, { key: KEYS.bob });
    expect(accepted.status, JSON.stringify(accepted.body)).to.equal(200);
    expect(accepted.body).to.deep.equal({ answered: true, turn_id: turn.id, id: question.id });
    expect((await turn.done()).result).to.include('"Which way?"="right"');
    const names = turn.events.map(({ event }) => event).filter((name) => name !== "text");
    expect(names).to.deep.equal(["question", "done"]);
    expect((await turn.done()).permission_denials).to.equal(undefined);
    const { types } = await heardOf(gateway, turn.id);
    expect(types.filter((type) => type === "question")).to.have.lengthOf(1);
  });

  it("are asked of turns that name them alone, whatever the process that ran before", async () => {
    const path = `/session/${await newSession(gateway)}/stream`;
    const plain = async () => (await readTurn(gateway, path, { prompt: ASK })).of("done")[0]?.["result"];
    const asked = async (process: string, events: unknown) => {
      const turn = await StreamedTurn.start(gateway, path, { prompt: ASK, events });
      const { id } = await turn.question();
      await turn.answer({ id, answers: { "Which way?": "left" } });
      expect((await turn.done()).result).to.include('"Which way?"="left"');
      expect((await heardOf(gateway, turn.id)).process).to.equal(process);
    };
    expect(await plain()).to.include(NO_TOOL);
    await asked("cold", ["questions"]);
    await asked("live", "all");
    expect(await plain()).to.include(NO_TOOL);
    await asked("cold", ["tools", "questions"]);
    const other = { prompt: ASK, events: ["tools"] };
    expect((await readTurn(gateway, path, other)).of("done")[0]?.["result"]).to.include(NO_TOOL);
  });

  it("are asked in a prewarmed process", async () => {
    await eventually("a task in a prewarmed process", async () => {
      const turn = await StreamedTurn.start(gateway, "/task/stream", { prompt: ASK });
      await turn.question();
      await turn.answer({ answers: { "Which way?": "left" } });
      expect((await turn.done()).result).to.include('"Which way?"="left"');
      return (await heardOf(gateway, turn.id)).process === "prewarmed";
    });
  });

  it("are asked in plan mode", async () => {
    const body = { prompt: `${ASK} [[write a.txt A]]`, permission_mode: "plan" };
    const turn = await StreamedTurn.start(gateway, "/task/stream", body);
    await turn.question();
    await turn.answer({ answers: { "Which way?": "left" } });
    const { result, permission_denials } = await turn.done();
    expect(result).to.include('"Which way?"="left"').and.to.include("Write failed");
    expect(permission_denials?.map(({ tool_name }) => tool_name)).to.deep.equal(["Write"]);
  });

  it("refuse answers that are none, and the turn waits on", async () => {
    const call = askAll({ "Which one?": ["a", "b"], "Which ones?*": ["x", "y", "z"] });
    const turn = await StreamedTurn.start(gateway, "/task/stream", { prompt: `[[${JSON.stringify(call)}]]` });
    await turn.question();
    const one = { "Which one?": "a" };
    const many = { "Which ones?*": ["x"] };
    const cases: readonly (readonly [object, string])[] = [
      [{}, "answers is missing"],
      [{ answers: {} }, 'answers must answer every question; missing: "Which one?"'],
      [{ answers: one }, 'answers must answer every question; missing: "Which ones?*"'],
      [{ answers: { ...one, ...many, other: "a" } }, 'answers: unknown question "other"'],
      [
        { answers: { ...many, "Which one?": "c" } },
        'answers."Which one?" must be one of "a", "b", or {"text": "..."}, got "c"',
      ],
      [{ answers: { ...many, "Which one?": ["a", "b"] } }, 'must be one of "a", "b", or {"text": "..."}'],
      [
        { answers: { ...one, "Which ones?*": ["x", "x"] } },
        'answers."Which ones?*" must be one or more of "x", "y", "z", or {"text": "..."}, got ["x","x"]',
      ],
      [{ answers: { ...one, "Which ones?*": [] } }, "must be"],
      [{ answers: { ...one, "Which ones?*": { text: "" } } }, "must be"],
    ];
    for (const [body, message] of cases) {
      const { status, body: refused } = await turn.answer(body);
      expect({ status, code: refused["code"] }, message).to.deep.equal({ status: 400, code: "BAD_REQUEST" });
      expect(refused["error"]).to.include(message);
    }
    const unknown = await turn.answer({ id: "toolu_other", answers: { ...one, ...many } });
    expect(unknown.status).to.equal(409);
    const answers = { "Which one?": { text: "neither, a third" }, "Which ones?*": ["z", "x"] };
    expect((await turn.answer({ answers })).status).to.equal(200);
    expect((await turn.done()).result)
      .to.include('"Which one?"="neither, a third"')
      .and.to.include('"Which ones?*"="z, x"');
  });

  it("are answered by their own key alone, and once", async () => {
    const turn = await StreamedTurn.start(gateway, "/task/stream", { prompt: ASK }, { key: KEYS.bob });
    const { approval_id } = await turn.question();
    const answers = { "Which way?": "left" };
    expect((await turn.answer({ answers })).status, "the admin's key").to.equal(404);
    expect((await turn.answer({ answers }, { key: null })).status).to.equal(401);
    const two = await Promise.all([1, 2].map(() => turn.answer({ answers }, { key: KEYS.bob })));
    expect(two.map(({ status }) => status).sort()).to.deep.equal([200, 409]);
    await turn.done();
    const { status, body } = await turn.answer({ answers }, { key: KEYS.bob });
    expect({ status, code: body["code"] }).to.deep.equal({ status: 409, code: "CONFLICT" });
    expect(body["error"]).to.equal("no question waits in this turn: none was asked, or it was answered");
    const approval = await gateway.request(`/approvals/${approval_id}`, { key: KEYS.bob });
    expect(approval.body).to.deep.include({ kind: "question", status: "allowed", turn_id: turn.id });
  });

  it("of two calls at once are told apart by their id", async () => {
    const calls = [askAll({ "One?": ["a", "b"] }), askAll({ "Two?": ["a", "b"] })];
    const turn = await StreamedTurn.start(gateway, "/task/stream", {
      prompt: `[[${JSON.stringify(calls)}]]`,
    });
    const [first, second] = await turn.questions(2);
    const { status, body } = await turn.answer({ answers: { "One?": "a" } });
    expect(status).to.equal(400);
    expect(body["error"]).to.include("id is missing").and.to.include(second?.id);
    expect((await turn.answer({ id: second?.id, answers: { "Two?": "b" } })).status).to.equal(200);
    expect((await turn.answer({ answers: { "One?": "a" } })).body["id"]).to.equal(first?.id);
    expect((await turn.done()).result)
      .to.include('"One?"="a"')
      .and.to.include('"Two?"="b"');
  });

  it("wait no longer than the turn may run, and the session goes on", async () => {
    const id = await newSession(gateway);
    const turn = await StreamedTurn.start(gateway, `/session/${id}/stream`, {
      prompt: ASK,
      timeout_secs: limitSecs(10),
    });
    await turn.question();
    expect((await turn.done()).code).to.equal("TIMEOUT");
    expect(await statesOf(turn.id)).to.deep.equal(["withdrawn"]);
    expect((await turn.answer({ answers: { "Which way?": "left" } })).status).to.equal(409);
    const { body } = await gateway.request(`/session/${id}`, { body: { prompt: "[[say here]]" } });
    expect(body).to.include({ success: true, result: "here" });
  });

  it("end with a turn that is interrupted, or whose client goes away", async () => {
    const id = await newSession(gateway);
    for (const way of ["interrupt", "disconnect"] as const) {
      const turn = await StreamedTurn.start(gateway, `/session/${id}/stream`, { prompt: ASK });
      await turn.question();
      if (way === "interrupt") await gateway.request(`/session/${id}/interrupt`, { body: {} });
      else turn.disconnect();
      await eventually("the turn's end", async () => {
        const { body } = await gateway.request(`/turns/${turn.id}`);
        return body["state"] === "interrupted";
      });
      expect(await statesOf(turn.id), way).to.deep.equal(["withdrawn"]);
    }
  });

  it("come over the WebSocket, and in the events of the session", async () => {
    const id = await newSession(gateway);
    const feed = await Feed.open(gateway, id);
    const turn = await StreamedTurn.start(gateway, `/session/${id}/stream`, { prompt: ASK });
    const heard = await feed.until("question", () => true);
    expect(heard).to.deep.equal({ ...(await turn.question()), turn_id: turn.id });
    await turn.answer({ answers: { "Which way?": "left" } });
    await turn.done();
    feed.close();

    const socket = gateway.socket();
    const frames: { event: string; data: { id?: string; result?: string } }[] = [];
    socket.on("message", (data) => frames.push(JSON.parse(data.toString())));
    const [[upgrade]] = await Promise.all([once(socket, "upgrade"), once(socket, "open")]);
    socket.send(JSON.stringify({ prompt: ASK, events: ["questions"] }));
    await eventually("the question", async () => frames.find(({ event }) => event === "question"));
    const path = `/turns/${upgrade.headers["x-turn-id"]}/answers`;
    await gateway.request(path, { body: { answers: { "Which way?": "right" } } });
    await once(socket, "close");
    expect(frames.at(-1)?.data.result).to.include('"Which way?"="right"');
  });

  it("are not asked in a turn that the CLI begins by itself", async () => {
    const id = await newSession(gateway);
    const feed = await Feed.open(gateway, id);
    const input = { command: "true; true", description: "A job", run_in_background: true };
    const job = `[[${JSON.stringify({ tool: "Bash", input })}]]`;
    const turn = await StreamedTurn.start(gateway, `/session/${id}/stream`, {
      prompt: `${job} [[say started]] [[noticed ${ASK} [[say built]]]]`,
    });
    expect((await turn.done()).result).to.equal("started");
    const done = await feed.until("done", ({ origin }) => origin === "background");
    expect(JSON.stringify(done)).to.include("built");
    expect(feed.events.some(({ event }) => event === "question")).to.equal(false);
    feed.close();
  });

  it("are withdrawn if the gateway is killed", async () => {
    const turn = await StreamedTurn.start(gateway, "/task/stream", { prompt: ASK });
    await turn.question();
    const reading = turn.ended.catch(() => undefined);
    await gateway.stop("SIGKILL");
    await reading;
    await gateway.launch();
    // Two nodes look for lost turns while they serve.
    await eventually("the lost turn", async () => {
      const { body } = await gateway.request(`/turns/${turn.id}`);
      return body["state"] === "lost" && (await statesOf(turn.id))[0] !== "pending";
    });
    expect(await statesOf(turn.id)).to.deep.equal(["withdrawn"]);
    expect((await turn.answer({ answers: { "Which way?": "left" } })).status).to.equal(409);
  });

  it("end with a turn that the gateway's shutdown ends", async () => {
    const turn = await StreamedTurn.start(gateway, "/task/stream", { prompt: ASK });
    await turn.question();
    const done = turn.done();
    await gateway.stop();
    expect((await done).code).to.equal("UNAVAILABLE");
    await gateway.launch();
    expect(await statesOf(turn.id)).to.deep.equal(["withdrawn"]);
    expect((await turn.answer({ answers: { "Which way?": "left" } })).status).to.equal(409);
  });

  it("leave no warning in the gateway's output", () => {
    expect(gateway.stderr).not.to.match(/warning/i);
  });
});
