import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { DealtUsage } from "@claudeway/plugin-demo/model";
import type { Session, SessionList, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { findClaude } from "#engine-claude/executable.js";
import { bash, Conversation } from "./conversation.js";
import { priceOf, sumOfDealt } from "./dealt.js";
import { cliEnvironment, KEYS, TestGateway } from "./gateway.js";
import { addTokens, NO_TOKENS } from "./ledger-file.js";
import { eventually } from "./poll.js";
import { inTheMiddle, killChild } from "./ways.js";

const SANDBOX = { env: { IS_SANDBOX: "1" } };

/** A response byte for byte, without what differs from one request to the next: dates and ids. */
async function rawOf(response: Response, ...ids: readonly string[]): Promise<string> {
  const headers = [...response.headers]
    .filter(([name]) => !["date", "x-request-id", "x-turn-id"].includes(name))
    .map(([name, value]) => `${name}: ${value}`);
  const text = [response.status, response.statusText, ...headers, await response.text()].join("\n");
  return ids.reduce((said, id) => said.replaceAll(id, "[id]"), text);
}

describe("sessions", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start(SANDBOX);
  });
  after(() => gateway.dispose());

  describe("of another key", () => {
    const ROUTES: readonly (readonly [string, string, object?])[] = [
      ["GET", ""],
      ["GET", "/messages"],
      ["POST", "/fork", {}],
      ["GET", "/files"],
      ["GET", "/files/a"],
      ["PUT", "/files/a", {}],
      ["DELETE", "/files/a"],
      ["POST", "", { prompt: "[[words 3]]" }],
      ["POST", "", { prompt: "" }],
      ["POST", "", { prompt: 7 }],
      ["POST", "/stream", { prompt: "[[words 3]]" }],
      ["POST", "/interrupt", {}],
      ["POST", "/approve", { tool_use_ids: ["toolu_1"] }],
      ["POST", "/approve", {}],
      ["DELETE", ""],
      ["PUT", ""],
    ];
    let mine: Conversation;
    let task = "";
    before(async () => {
      mine = await Conversation.start(gateway);
      await mine.say("[[words 3]]");
      const answer = await gateway.request<TurnResponse>("/task", { body: { prompt: "[[words 2]]" } });
      task = answer.body.session_id;
    });

    for (const [method, route, body] of ROUTES) {
      const shown = body === undefined ? "" : ` ${JSON.stringify(body)}`;
      it(`look like missing ones: ${method} /session/:id${route}${shown}`, async () => {
        const nowhere = randomUUID();
        const options = { method, key: KEYS.bob, ...(body === undefined ? {} : { body }) };
        const raw = async (id: string) => rawOf(await gateway.fetch(`/session/${id}${route}`, options), id);
        const expected = await raw(nowhere);
        expect(await raw(mine.id)).to.equal(expected);
        expect(await raw(task)).to.equal(expected);
      });
    }

    it("are not in the list, and stay as they were", async () => {
      const { body } = await gateway.request<SessionList>("/sessions", { key: KEYS.bob });
      expect(body.sessions.map(({ session_id }) => session_id)).to.not.include.members([mine.id]);
      const view = await mine.view();
      expect(view.task_count).to.equal(1);
      expect(existsSync(mine.workdir)).to.equal(true);
    });

    it("look like deleted ones", async () => {
      const talk = await Conversation.start(gateway);
      await gateway.request(talk.path, { method: "DELETE" });
      const nowhere = randomUUID();
      const raw = async (id: string) => rawOf(await gateway.fetch(`/session/${id}`), id);
      expect(await raw(talk.id)).to.equal(await raw(nowhere));
    });
  });

  it("make one conversation of two first messages at once, in their order", async () => {
    const talk = await Conversation.start(gateway);
    const prompts = ["[[words 3]] one", "[[words 4]] two", "[[words 5]] three"];
    const turns = prompts.map((prompt) => talk.say(prompt));
    for (const { body } of await Promise.all(turns)) expect(body.success).to.equal(true);
    const { body } = await talk.say("[[recall]]");
    const said: unknown = JSON.parse(body.result.replace(/^I remember 3 earlier prompts: /, ""));
    expect(said).to.have.members(prompts);
    const asked = gateway.model.requests().filter(({ sessionId }) => sessionId === talk.id);
    expect(asked.map(({ prompt }) => prompt)).to.deep.equal([...prompts, "[[recall]]"]);
    expect((await talk.view()).task_count).to.equal(4);
  });

  it("continue with model and system prompt after a restart, and after a kill", async () => {
    const talk = await Conversation.start(gateway, { model: "haiku", system_prompt: "Be a test." });
    await talk.say("[[words 3]] first");
    await gateway.stop();
    await gateway.launch();
    await talk.say("[[words 3]] second");
    await gateway.stop("SIGKILL");
    await gateway.launch();
    const { body } = await talk.say("[[recall]]");
    expect(body.result).to.equal('I remember 2 earlier prompts: ["[[words 3]] first","[[words 3]] second"]');
    const asked = gateway.model.requests().filter(({ sessionId }) => sessionId === talk.id);
    expect(asked.map(({ model }) => model?.includes("haiku"))).to.deep.equal([true, true, true]);
    for (const { system } of asked) expect(system).to.contain("Be a test.");
    const view = await talk.view();
    expect(view).to.include({ model: "haiku", task_count: 3, workdir: talk.workdir });
    expect(view.tokens).to.deep.equal(sumOfDealt(talk.dealt()));
  });

  it("continue after a first turn that died before it was written", async () => {
    const talk = await Conversation.start(gateway);
    const turn = talk.say("[[wait 20000]] [[words 3]]");
    // The process is noted when it starts; it takes a moment more until the CLI has written anything.
    const noted = await eventually("the process", async () => {
      const [first] = await talk.ledger.turns(talk.id);
      return first?.pid ? first : undefined;
    });
    killChild(noted);
    expect((await turn).body).to.include({ success: false });
    const { body } = await talk.say("[[words 4]]");
    expect(body).to.include({ success: true, result: "word1 word2 word3 word4" });
  });

  it("continue after a first turn that was interrupted at once", async () => {
    const talk = await Conversation.start(gateway);
    const turn = talk.say("[[words 3]] [[hang]]");
    await eventually("the turn", async () => (await talk.ledger.turns(talk.id)).length > 0);
    await eventually("an interrupt that counts", async () => {
      const { body } = await gateway.request(`${talk.path}/interrupt`, { body: {} });
      return body["interrupted"] === true;
    });
    expect((await turn).body).to.include({ success: false, error: "the turn was interrupted" });
    const { body } = await talk.say("[[words 4]]");
    expect(body).to.include({ success: true, result: "word1 word2 word3 word4" });
  });

  it("run the turns that wait behind an interrupted one", async () => {
    const talk = await Conversation.start(gateway);
    let next: ReturnType<Conversation["say"]> | undefined;
    await inTheMiddle(talk, "tool call", async () => {
      next = talk.say("[[recall]]");
      await gateway.request(`${talk.path}/interrupt`, { body: {} });
    });
    expect((await next)?.body.result).to.match(/^I remember 1 earlier prompt/);
  });

  it("are the Claude session's own: `claude --resume` continues them, and they continue it", async () => {
    const talk = await Conversation.start(gateway);
    await talk.say("[[words 3]] through the gateway");
    expect(await inTerminal(talk, "[[recall]]")).to.equal(
      'I remember 1 earlier prompt: ["[[words 3]] through the gateway"]',
    );
    // With its process still alive, which was not notified.
    expect((await talk.say("[[recall]]")).body.result).to.contain("I remember 2 earlier prompts");
    await gateway.stop();
    await inTerminal(talk, "[[words 2]]");
    await gateway.launch();
    expect((await talk.say("[[recall]]")).body.result).to.contain("I remember 4 earlier prompts");
  });

  it("are billed for their own turns only, not for those of a terminal in between", async () => {
    const talk = await Conversation.start(gateway);
    const dealt: DealtUsage[] = [];
    const say = async () => {
      const before = talk.dealt().length;
      await talk.say("[[words 3]]");
      dealt.push(...talk.dealt().slice(before));
    };
    await say();
    await inTerminal(talk, "[[words 20]]");
    await say();
    await say();
    await gateway.stop();
    await inTerminal(talk, "[[words 40]]");
    await gateway.launch();
    await say();
    expect(dealt).to.have.length(4);
    const { tokens, cost_usd, cost_estimated } = await talk.view();
    expect(tokens).to.deep.equal(sumOfDealt(dealt));
    expect(cost_usd).to.be.closeTo(priceOf(sumOfDealt(dealt)), 1e-9);
    expect(cost_estimated).to.equal(undefined);
  });

  it("lose their history with /clear, and keep their id and cost", async () => {
    const talk = await Conversation.start(gateway);
    await talk.say("[[words 3]] before");
    await talk.say("/clear");
    expect((await talk.say("[[recall]] first")).body.result).to.contain("I remember 0 earlier prompts");
    expect((await talk.say("[[recall]] second")).body.result).to.contain("I remember 1 earlier prompt:");
    await gateway.stop();
    await gateway.launch();
    expect((await talk.say("[[recall]] third")).body.result).to.contain("I remember 2 earlier prompts");
    await talk.say("/clear");
    await gateway.stop("SIGKILL");
    await gateway.launch();
    const { body } = await talk.say("[[recall]] fourth");
    expect(body.result).to.contain("I remember 0 earlier prompts");
    expect(body.session_id).to.equal(talk.id);
    const turns = await talk.ledger.turns(talk.id);
    expect(turns).to.have.length(7);
    const sum = turns.reduce((all, { tokens }) => addTokens(all, tokens), NO_TOKENS);
    const view = await talk.view();
    expect(view.tokens).to.deep.equal(sum);
    expect(view.cost_usd).to.be.closeTo(priceOf(sum), 1e-9);
    expect(view.cost_estimated).to.equal(undefined);
  });

  it("have an estimated cost if a turn was stopped before any text arrived", async () => {
    const talk = await Conversation.start(gateway);
    const answer = talk.say("[[wait 60000]] [[fail 400 too late]]");
    await eventually("the request at the model", () =>
      gateway.model.requests().some(({ sessionId, end }) => sessionId === talk.id && end === "open"),
    );
    await gateway.request(`${talk.path}/interrupt`, { body: {} });
    const { body } = await answer;
    expect(body).to.deep.include({ success: false, cost_estimated: true });
    expect((await talk.say("[[words 3]]")).body).to.not.have.property("cost_estimated");
    expect((await talk.view()).cost_estimated).to.equal(true);
  });

  describe("workdirs", () => {
    const start = (workdir: string) =>
      gateway.request<Record<string, string>>("/session/start", { body: { workdir } });

    it("are created with mode 0700, are used by tools, and are removed with the session", async () => {
      const talk = await Conversation.start(gateway);
      expect(statSync(talk.workdir).mode & 0o777).to.equal(0o700);
      expect((await talk.say(`${bash("pwd; echo made > made.txt")}`)).body.result).to.contain(talk.workdir);
      expect(readdirSync(talk.workdir)).to.deep.equal(["made.txt"]);
      await gateway.request(talk.path, { method: "DELETE" });
      expect(existsSync(talk.workdir)).to.equal(false);
    });

    it("that the caller named stay", async () => {
      const named = join(gateway.dir, "named");
      mkdirSync(named);
      const { body } = await start(named);
      expect(body["workdir"]).to.equal(named);
      await gateway.request(`/session/${body["session_id"]}`, { method: "DELETE" });
      expect(existsSync(named)).to.equal(true);
    });

    it("that were removed since are reported, not an existing program", async () => {
      const named = join(gateway.dir, "goes");
      mkdirSync(named);
      const { body: session } = await start(named);
      rmSync(named, { recursive: true });
      const path = `/session/${session["session_id"]}`;
      const { body } = await gateway.request(path, { body: { prompt: "where are we?" } });
      expect(body["error"]).to.match(/: the working directory \S+goes does not exist$/);
      mkdirSync(named);
      expect((await gateway.request(path, { body: { prompt: "and now?" } })).body).to.include({
        success: true,
      });
    });

    it("that were removed under a live process are an error too, if the caller named them", async () => {
      const named = join(gateway.dir, "leaves");
      mkdirSync(named);
      const talk = await Conversation.start(gateway, { workdir: named });
      expect((await talk.say("[[say here]]")).body.success).to.equal(true);
      rmSync(named, { recursive: true });
      const { body } = await talk.say("[[bash pwd]]");
      expect(body).to.include({ success: false }).and.not.have.property("workdir_recreated");
      expect(body.error).to.match(/: the working directory \S+leaves does not exist$/);
    });

    it("that the gateway created are recreated empty if missing, and reported", async () => {
      const talk = await Conversation.start(gateway);
      expect((await talk.say(bash("echo made > made.txt"))).body).to.not.have.property("workdir_recreated");
      const asked = bash("pwd; ls | wc -l; echo new > new.txt");
      rmSync(talk.workdir, { recursive: true });
      const { body } = await talk.say(asked);
      expect(body).to.include({ success: true, workdir_recreated: true });
      expect(body.result).to.equal(`Bash answered: ${talk.workdir}\n0`);
      expect(statSync(talk.workdir).mode & 0o777).to.equal(0o700);
      expect((await talk.say("[[recall]]")).body).to.not.have.property("workdir_recreated");

      await gateway.stop();
      rmSync(gateway.workdir, { recursive: true });
      await gateway.launch();
      const events = await gateway.events(`${talk.path}/stream`, { body: { prompt: `${asked} [[recall]]` } });
      const done: TurnResponse = JSON.parse(events.at(-1)?.data ?? "{}");
      expect(done).to.include({ success: true, workdir_recreated: true });
      expect(done.result).to.contain("3 earlier prompts");
    });

    it("that do not exist, or are not folders, are refused", async () => {
      writeFileSync(join(gateway.workdir, "file"), "");
      for (const workdir of ["/nowhere", "file", join(gateway.workdir, "file")]) {
        const { status, body } = await start(workdir);
        expect([status, body["code"]], workdir).to.deep.equal([400, "BAD_REQUEST"]);
        expect(body["error"]).to.contain("workdir");
      }
    });

    it("named in relation to the base folder do not lead out of it, by .. or by a link", async () => {
      mkdirSync(join(gateway.workdir, "inside"), { recursive: true });
      symlinkSync(gateway.dir, join(gateway.workdir, "out"));
      symlinkSync(join(gateway.workdir, "inside"), join(gateway.workdir, "in"));
      for (const workdir of ["..", "inside/../..", "out", "out/data", "in/../../data"]) {
        const { status, body } = await start(workdir);
        expect([status, body["code"]], workdir).to.deep.equal([400, "BAD_REQUEST"]);
      }
      expect((await start("inside")).body["workdir"]).to.equal(join(gateway.workdir, "inside"));
      expect((await start("in")).body["workdir"]).to.equal(join(gateway.workdir, "inside"));
    });

    it("are removed themselves, not what a link in their place or in them leads to", async () => {
      const kept = join(gateway.dir, "kept");
      mkdirSync(kept);
      writeFileSync(join(kept, "precious"), "");
      const [within, instead] = await Promise.all([Conversation.start(gateway), Conversation.start(gateway)]);
      symlinkSync(kept, join(within.workdir, "link"));
      rmSync(instead.workdir, { recursive: true });
      symlinkSync(kept, instead.workdir);
      for (const talk of [within, instead]) {
        expect((await gateway.request(talk.path, { method: "DELETE" })).status).to.equal(200);
      }
      expect(readdirSync(kept)).to.deep.equal(["precious"]);
      expect([within.workdir, instead.workdir].filter(existsSync)).to.deep.equal([]);
    });

    it("that were created below another base folder are removed too", async () => {
      const talk = await Conversation.start(gateway);
      await gateway.stop();
      await gateway.launch({ env: { ...SANDBOX.env, CLAUDE_WORKDIR: join(gateway.dir, "elsewhere") } });
      expect((await gateway.request(talk.path, { method: "DELETE" })).status).to.equal(200);
      expect(existsSync(talk.workdir)).to.equal(false);
      await gateway.stop();
      await gateway.launch(SANDBOX);
    });
  });

  it("show the fields of the contract, alone and in the list, newest first", async () => {
    const talk = await Conversation.start(gateway, {}, KEYS.bob);
    await Conversation.start(gateway, { model: "opus" }, KEYS.bob);
    await gateway.request(talk.path, { body: { prompt: "[[words 3]]" }, key: KEYS.bob });
    const { background, ...view } = (await gateway.request<Session>(talk.path, { key: KEYS.bob })).body;
    expect(background).to.deep.equal([]);
    expect(Object.keys(view).sort()).to.deep.equal(
      [
        "session_id",
        "created_at",
        "last_used",
        "model",
        "task_count",
        "workdir",
        "tokens",
        "cost_usd",
      ].sort(),
    );
    expect(view).to.include({ session_id: talk.id, model: "sonnet", task_count: 1 });
    const { body: list } = await gateway.request<SessionList>("/sessions?limit=1&page=2", { key: KEYS.bob });
    expect(list).to.deep.equal({ sessions: [view], total: 2, page: 2, limit: 1 });
  });
});

/** Goes on with a session as a person does in a terminal; resolves to what Claude says. */
async function inTerminal({ gateway, id, workdir }: Conversation, prompt: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    "/bin/sh",
    ["-c", 'echo "$2" | "$0" -p --resume "$1"', findClaude(undefined).path, id, prompt],
    { cwd: workdir, env: { ...process.env, ...cliEnvironment(gateway.model, gateway.dir) } },
  );
  return stdout.trim();
}
