import type { Session, SessionList, TaskList, TurnStatus } from "@claudeway/schemas";
import { expect } from "chai";
import { Conversation } from "./conversation.js";
import { KEYS } from "./gateway.js";
import { ALLOW_ALL, OptionsGateway } from "./options-kit.js";

describe("PATCH /session/:id", () => {
  let kit: OptionsGateway;
  before(async () => {
    kit = await OptionsGateway.start({ config: `[engine]\nspares = 0\n${ALLOW_ALL}` });
  });
  after(() => kit.dispose());

  const patch = (path: string, body: object, key: string = KEYS.admin) =>
    kit.gateway.request<Session>(path, { method: "PATCH", body, key });

  it("changes what holds for further turns, also after a restart, and back", async () => {
    const talk = await Conversation.start(kit.gateway, { append_system_prompt: "Rhyme always." });
    const facts = async () => {
      const [sent] = (await kit.ask(talk.path, { prompt: "[[say hi]]" })).sent;
      const system = JSON.stringify(sent?.system);
      const words = ["Rhyme always.", "Never rhyme."].map((text) => system.includes(text));
      return [sent?.output_config?.["effort"], /haiku/.test(sent?.model ?? ""), ...words];
    };
    expect(await facts()).to.deep.equal(["medium", false, true, false]);
    const changes = { effort: "low", model: "haiku", append_system_prompt: "Never rhyme." };
    expect((await patch(talk.path, changes)).body.model).to.equal("haiku");
    expect(await facts()).to.deep.equal(["low", true, false, true]);
    await kit.gateway.stop("SIGKILL");
    await kit.gateway.launch();
    expect(await facts()).to.deep.equal(["low", true, false, true]);
    await patch(talk.path, { effort: null, model: "sonnet", append_system_prompt: null });
    expect(await facts()).to.deep.equal(["medium", false, false, false]);
  });

  it("keeps every one of several changes that arrive at once", async () => {
    const talk = await Conversation.start(kit.gateway);
    // The folders take a while to be checked.
    const additional_dirs = Array.from({ length: 32 }, (_, index) => `at-once-${index}`);
    const changes = [{ additional_dirs }, { effort: "low" }, { append_system_prompt: "Rhyme always." }];
    const answers = await Promise.all(changes.map((change) => patch(talk.path, change)));
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 200]);
    const [sent] = (await kit.ask(talk.path, { prompt: "[[say hi]]" })).sent;
    expect(sent?.output_config?.["effort"]).to.equal("low");
    const system = JSON.stringify(sent);
    expect(["Rhyme always.", "at-once-31"].map((text) => system.includes(text))).to.deep.equal([true, true]);
  });

  it("sets a title, and removes it", async () => {
    const talk = await Conversation.start(kit.gateway);
    expect((await patch(talk.path, { title: "Über Reime 🎵" })).body.title).to.equal("Über Reime 🎵");
    expect((await talk.view()).title).to.equal("Über Reime 🎵");
    const { body: list } = await kit.gateway.request<SessionList>("/sessions");
    expect(list.sessions.find(({ session_id }) => session_id === talk.id)?.title).to.equal("Über Reime 🎵");
    expect((await patch(talk.path, { title: null })).body).to.not.have.property("title");
  });

  it("counts a changed model where sessions are counted", async () => {
    const talk = await Conversation.start(kit.gateway);
    await patch(talk.path, { model: "opus" });
    expect((await talk.view()).model).to.equal("opus");
  });

  it("needs the owner's key, its permission, and at least one valid field", async () => {
    const { path } = await Conversation.start(kit.gateway);
    expect((await patch(path, { title: "x" }, KEYS.bob)).status).to.equal(404);
    const bobs = await Conversation.start(kit.gateway, {}, KEYS.bob);
    expect((await patch(bobs.path, { tools: ["Bash"] }, KEYS.bob)).status).to.equal(403);
    for (const body of [
      {},
      { model: null },
      { title: "" },
      { title: "a\nb" },
      { workdir: "/" },
      { max_turns: 1 },
    ])
      expect((await patch(path, body)).status, JSON.stringify(body)).to.equal(400);
  });

  it("does not bypass a revoked permission", async () => {
    const talk = await Conversation.start(kit.gateway, { tools: ["Read"] });
    await kit.gateway.stop();
    await kit.gateway.launch({ config: "[engine]\nspares = 0\n", env: kit.env });
    expect((await talk.say("[[say hi]]")).status).to.equal(403);
    expect((await patch(talk.path, { title: "No tools" })).status).to.equal(200);
    expect((await patch(talk.path, { tools: null })).status).to.equal(200);
    expect((await talk.say("[[say hi]]")).body.success).to.equal(true);
  });
});

describe("metadata", () => {
  let kit: OptionsGateway;
  before(async () => {
    kit = await OptionsGateway.start({ config: "[engine]\nspares = 0\n" });
  });
  after(() => kit.dispose());

  it("is kept with its turn, also after a restart, and finds sessions and tasks", async () => {
    const { gateway } = kit;
    const [one, two] = [await Conversation.start(gateway), await Conversation.start(gateway)];
    const body = (prompt: string, metadata: object) => ({ prompt, metadata });
    const { headers } = await gateway.request(one.path, {
      body: body("[[say hi]]", { project: "a", user: "x" }),
    });
    await gateway.request(two.path, { body: body("[[say hi]]", { project: "a" }) });
    const { body: task } = await gateway.request("/task", {
      body: body("[[say hi]]", { project: "a", n: "1" }),
    });
    await gateway.stop();
    await gateway.launch();
    const turn = await gateway.request<TurnStatus>(`/turns/${headers.get("x-turn-id")}`);
    expect(turn.body.metadata).to.deep.equal({ project: "a", user: "x" });
    const sessions = async (query: string, key: string = KEYS.admin) => {
      const { body: list } = await gateway.request<SessionList>(`/sessions?${query}`, { key });
      return [list.total, ...list.sessions.map(({ session_id }) => session_id)];
    };
    expect(await sessions("metadata.project=a")).to.deep.equal([2, two.id, one.id]);
    expect(await sessions("metadata.project=a&limit=1&page=2")).to.deep.equal([2, one.id]);
    expect(await sessions("metadata.project=a&metadata.user=x")).to.deep.equal([1, one.id]);
    expect(await sessions("metadata.project=b")).to.deep.equal([0]);
    expect(await sessions("metadata.project=a", KEYS.bob)).to.deep.equal([0]);
    const { body: tasks } = await gateway.request<TaskList>("/tasks?metadata.project=a");
    expect(tasks.tasks.map(({ session_id }) => session_id)).to.deep.equal([task["session_id"]]);
  });

  it("must be up to 16 short pairs", async () => {
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, "v"]));
    const wrong = [
      many,
      { a: 1 },
      { ["x".repeat(65)]: "v" },
      { a: "v".repeat(513) },
      { "a b": "v" },
      [],
      "x",
    ];
    for (const metadata of wrong) {
      const { status } = await kit.gateway.request("/task", { body: { prompt: "hi", metadata } });
      expect(status, JSON.stringify(metadata).slice(0, 80)).to.equal(400);
    }
    for (const query of ["metadata.a=1&metadata.a=2", "metadata.=1", `metadata.a=${"v".repeat(513)}`])
      expect((await kit.gateway.request(`/sessions?${query}`)).status, query).to.equal(400);
  });
});
