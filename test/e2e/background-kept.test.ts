import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LostTask, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { job, jobUntil, notices } from "./background-kit.js";
import { Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

describe("processes with background work", () => {
  let gateway: TestGateway;
  afterEach(() => gateway.dispose());

  function start(engine: string): Promise<TestGateway> {
    return TestGateway.start({ env: { IS_SANDBOX: "1" }, config: `[engine]\nspares = 0\n${engine}` });
  }

  const running = async (talk: Conversation) => (await talk.view()).background?.length;
  const reasonsOf = ({ background_lost }: { background_lost?: LostTask[] }) =>
    background_lost?.map(({ reason }) => reason);

  it("are not ended as idle or for others, and are idle again afterwards", async () => {
    gateway = await start("idle_secs = 1\nmax_processes = 2\nmax_running = 2\n");
    const [held, other, third] = [
      await Conversation.start(gateway),
      await Conversation.start(gateway),
      await Conversation.start(gateway),
    ];
    await held.say(`${jobUntil("go")} [[say started]]`);
    expect(await running(held)).to.equal(1);
    for (const talk of [other, third, other])
      expect((await talk.say("[[say hi]]")).body.result).to.equal("hi");
    await sleep(2000);
    expect(await running(held)).to.equal(1);
    writeFileSync(join(held.workdir, "go"), "");
    await eventually("the background turn", async () => (await notices(held))[0]?.end === "completed");
    await eventually("the end of the idle processes", async () => (await gateway.children()).length === 0);
    expect((await held.say("[[say bye]]")).body).not.to.have.property("background_lost");
  });

  it("are ended after background_secs", async () => {
    gateway = await start("idle_secs = 60\nbackground_secs = 2\n");
    const talk = await Conversation.start(gateway);
    await talk.say(`${job(600_000)} [[say started]]`);
    await eventually("its end", async () => (await running(talk)) === 0);
    expect(reasonsOf((await talk.say("[[say hi]]")).body)).to.deep.equal(["limit"]);
    await gateway.logs("background work was stopped before it finished");
  });

  it("are kept up to a number per key: those that began first", async () => {
    gateway = await start("idle_secs = 1\nmax_background_per_key = 1\n");
    const first = await Conversation.start(gateway);
    const second = await Conversation.start(gateway);
    await first.say(`${job(600_000)} [[say started]]`);
    await second.say(`${job(600_000)} [[say started]]`);
    await eventually("the end of the second", async () => (await running(second)) === 0);
    expect(await running(first)).to.equal(1);
    expect(reasonsOf((await second.say("[[say hi]]")).body)).to.deep.equal(["limit"]);
  });

  it("of one-shot tasks end with the answer, which says so", async () => {
    gateway = await start("");
    const { body } = await gateway.request<TurnResponse>("/task", {
      body: { prompt: `${job(600_000)} [[say started]]` },
    });
    expect([body.result, reasonsOf(body)]).to.deep.equal(["started", ["task"]]);
  });
});
