import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

const PLUGIN = fileURLToPath(new URL("../fixtures/plugins/uncaught", import.meta.url));

describe("what a plugin throws where nobody catches it", () => {
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
  it("is named, and the gateway starts all the same", async () => {
    expect(await line("while it starts")).to.deep.include({ level: "error", plugin: "uncaught" });
  });

  for (const [way, text] of ways) {
    it(`is named, and the gateway goes on: ${way}`, async () => {
      await gateway.request(`/uncaught/${way}`);
      expect(await line(text)).to.deep.include({ level: "error", plugin: "uncaught" });
      expect((await line(text))["msg"]).to.match(/^plugin uncaught: uncaught error: /);
      const { status, body } = await gateway.request("/task", { body: { prompt: "go on" } });
      expect([status, body["success"]]).to.deep.equal([200, true]);
    });
  }

  it("closes the gateway, turns first, where the error tells of no plugin", async () => {
    const running = gateway.request("/task", { body: { prompt: "[[slow 100]] [[words 10]]" } });
    await eventually("the turn to run", () => gateway.model.requests().length > ways.length);
    await gateway.request("/uncaught/socket");
    expect((await running).body).to.include({ success: true });
    expect(await gateway.ended()).to.deep.equal({ code: 1, signal: null });
    expect(await line("ECONNREFUSED")).to.include({ level: "fatal" });
  });
});
