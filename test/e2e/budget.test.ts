import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { bash, Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";

describe("a turn's budget", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ config: "[engine]\nspares = 0\n", env: { IS_SANDBOX: "1" } });
  });
  after(() => gateway.dispose());

  const ask = (path: string, prompt: string, max_budget_usd: number) =>
    gateway.request<TurnResponse>(path, { body: { prompt, max_budget_usd } });
  /** Ten messages, each of which costs something, and marks that they were made. */
  const calls = Array.from({ length: 10 }, (_, index) => `[[words 300]] ${bash(`touch call-${index}`)}`).join(
    " ",
  );

  it("interrupts the turn with a code, and reports its cost", async () => {
    const talk = await Conversation.start(gateway);
    const free = (await talk.say("[[words 300]]")).body.cost_usd ?? 0;
    const { status, body } = await ask(talk.path, calls, 3 * free);
    expect(status).to.equal(200);
    expect(body).to.include({ success: false, code: "BUDGET_EXCEEDED" });
    expect(body.cost_usd).to.be.greaterThan(0);
    expect(existsSync(join(talk.workdir, "call-0"))).to.equal(true);
    expect(existsSync(join(talk.workdir, "call-9"))).to.equal(false);
    const sum = ((await talk.view()).cost_usd ?? 0) - free;
    expect(sum).to.be.closeTo(body.cost_usd ?? 0, 1e-9);
  });

  it("keeps the live process with its conversation after the interrupt", async () => {
    const talk = await Conversation.start(gateway);
    const free = (await talk.say("[[words 300]]")).body.cost_usd ?? 0;
    const { pid } = await talk.ended();
    expect((await ask(talk.path, calls, 2 * free)).body.code).to.equal("BUDGET_EXCEEDED");
    for (const prompt of ["[[recall]]", "[[words 300]]"]) {
      const { body } = await ask(talk.path, prompt, 10);
      expect(body, JSON.stringify(body)).to.include({ success: true }).and.not.have.property("code");
      expect((await talk.ended()).pid).to.equal(pid);
    }
  });

  it("that is large enough changes nothing", async () => {
    const talk = await Conversation.start(gateway);
    const { body } = await ask(talk.path, "[[words 300]]", 100);
    expect(body).to.include({ success: true, error: null }).and.not.have.property("code");
  });
});
