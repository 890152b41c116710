import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

const PLUGIN = fileURLToPath(new URL("../fixtures/plugins/uncaught", import.meta.url));

describe("an uncaught error of a plugin", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ args: ["--enable-plugin", PLUGIN] });
  });
  after(() => gateway.dispose());

  async function line(text: string): Promise<Record<string, unknown>> {
    const find = () => gateway.stderr.split("\n").find((one) => one.includes(text));
    await eventually(`a line with ${text}`, () => find() !== undefined);
    return JSON.parse(find() ?? "");
  }

  const ways = [
    ["timer", "in a timer"],
    ["promise", "in a promise"],
    ["forgotten", "in a forgotten promise"],
    ["emitter", "in an event"],
    ["late", "onDispose must be registered while apply runs; apply has ended"],
  ] as const;
  it("is attributed, and the gateway starts anyway", async () => {
    expect(await line("while it starts")).to.deep.include({ level: "error", plugin: "uncaught" });
  });

  for (const [way, text] of ways) {
    it(`is attributed, and the gateway continues: ${way}`, async () => {
      await gateway.request(`/uncaught/${way}`);
      expect(await line(text)).to.deep.include({ level: "error", plugin: "uncaught" });
      expect((await line(text))["msg"]).to.match(/^plugin uncaught: uncaught error: /);
      const { status, body } = await gateway.request("/task", { body: { prompt: "go on" } });
      expect([status, body["success"]]).to.deep.equal([200, true]);
    });
  }

  it("closes the gateway, turns first, if no plugin caused the error", async () => {
    const running = gateway.request("/task", { body: { prompt: "[[slow 100]] [[words 10]]" } });
    await eventually("the turn to run", () => gateway.model.requests().length > ways.length);
    await gateway.request("/uncaught/socket");
    expect((await running).body).to.include({ success: true });
    expect(await gateway.ended()).to.deep.equal({ code: 1, signal: null });
    expect(await line("ECONNREFUSED")).to.include({ level: "fatal" });
  });
});
