import type { SessionList } from "@claudeway/schemas";
import { expect } from "chai";
import { Conversation } from "./conversation.js";
import { KEYS, TestGateway } from "./gateway.js";

describe("a model that is changed inside a session", () => {
  let gateway: TestGateway;
  let talk: Conversation;
  before(async () => {
    gateway = await TestGateway.start({
      args: ["--enable-plugin", "dashboard"],
      env: { IS_SANDBOX: "1" },
      config: "[engine]\nspares = 0\n",
    });
  });
  after(() => gateway.dispose());
  beforeEach(async () => {
    talk = await Conversation.start(gateway);
    await talk.say("[[say begin]]");
  });

  const lastModel = () => talk.dealt().at(-1)?.model;

  it("applies to the session from then on, also after a restart", async () => {
    expect(lastModel()).to.match(/sonnet/);
    expect((await talk.say("/model opus")).body.success).to.equal(true);
    expect((await talk.view()).model).to.equal("opus");
    const { body: list } = await gateway.request<SessionList>("/sessions");
    expect(list.sessions.find(({ session_id }) => session_id === talk.id)?.model).to.equal("opus");

    const pid = (await talk.ended()).pid;
    expect((await talk.say("[[recall]]")).body.success).to.equal(true);
    expect(lastModel(), "on the live process").to.match(/opus/);
    expect((await talk.ended()).pid, "the process").to.equal(pid);

    await gateway.stop();
    await gateway.launch();
    expect((await talk.say("[[recall]]")).body.result).to.contain("2 earlier prompts");
    expect(lastModel(), "after a restart").to.match(/opus/);
    expect((await talk.view()).model).to.equal("opus");
  });

  it("counts for the lists of that model", async () => {
    const count = async (model: string) => {
      const { body } = await gateway.request(`/admin/sessions?model=${model}`, { key: KEYS.admin });
      return body["total"];
    };
    const [opus, haiku] = [await count("opus"), await count("haiku")];
    await talk.say("/model haiku");
    await talk.say("/model opus");
    expect(await count("haiku")).to.equal(haiku);
    expect(await count("opus")).to.equal(Number(opus) + 1);
    await gateway.request(talk.path, { method: "DELETE" });
    expect(await count("opus")).to.equal(opus);
  });

  it("is kept if the new model is unknown, or only queried", async () => {
    for (const prompt of ["/model nonsense", "/model", "/model help"]) {
      await talk.say(prompt);
      expect((await talk.view()).model, prompt).to.equal("sonnet");
    }
    await talk.say("[[recall]]");
    expect(lastModel()).to.match(/sonnet/);
  });

  it("is kept if the gateway is killed afterwards", async () => {
    await talk.say("/model opus");
    await gateway.stop("SIGKILL");
    await gateway.launch();
    await talk.say("[[recall]]");
    expect(lastModel()).to.match(/opus/);
  });
});
