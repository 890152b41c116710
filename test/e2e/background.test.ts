import { setTimeout as sleep } from "node:timers/promises";
import type { TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { readEvents } from "#testing/event-parser.js";
import {
  agent,
  ask,
  askAll,
  checkSums,
  endJobs,
  JOB,
  job,
  notices,
  openTurns,
  WORDS,
} from "./background-kit.js";
import { bash, Conversation } from "./conversation.js";
import { sumOfDealt } from "./dealt.js";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { childrenGone } from "./processes.js";

const options = (idleSecs: number, backgroundSecs = 3600) => ({
  env: { IS_SANDBOX: "1" },
  config: `[engine]\nidle_secs = ${idleSecs}\nbackground_secs = ${backgroundSecs}\n`,
  model: { keepRequests: 10_000 },
});

describe("answers beside background work", () => {
  let gateway: TestGateway;
  afterEach(() => gateway.dispose());

  for (const idleSecs of [1, 60]) {
    for (const pauseMs of [0, 4000]) {
      it(`belong to their prompts with idle_secs = ${idleSecs} and pauses of ${pauseMs} ms`, async () => {
        gateway = await TestGateway.start(options(idleSecs));
        const talk = await Conversation.start(gateway);
        expect((await talk.say(`${JOB} [[say started]]`)).body.result).to.equal("started");
        void endJobs(talk, 2500);
        await askAll(talk, pauseMs);
        await eventually("the background turn", async () => (await notices(talk)).length === 1 || undefined);
        await checkSums(talk);
      });
    }
  }

  it("belong to their prompts where a process is not kept for its background work", async () => {
    gateway = await TestGateway.start(options(1, 0));
    const talk = await Conversation.start(gateway);
    expect((await talk.say(`${job(600_000)} [[say started]]`)).body.result).to.equal("started");
    await childrenGone(gateway);
    const first = await ask(talk, "alpha");
    expect(first.background_lost?.map(({ kind, reason }) => ({ kind, reason }))).to.deep.equal([
      { kind: "shell", reason: "idle" },
    ]);
    expect(await ask(talk, "beta")).not.to.have.property("background_lost");
    expect(await notices(talk)).to.have.length(1);
    await checkSums(talk);
  });

  for (const [how, end, reason] of [
    ["an orderly restart", "SIGTERM", "shutdown"],
    ["kill -9", "SIGKILL", "restart"],
  ] as const) {
    it(`belong to their prompts after ${how}, and report what was lost`, async () => {
      gateway = await TestGateway.start(options(60));
      const talk = await Conversation.start(gateway);
      expect((await talk.say(`${job(600_000)} [[say started]]`)).body.result).to.equal("started");
      expect((await talk.view()).background?.map(({ kind }) => kind)).to.deep.equal(["shell"]);
      await gateway.stop(end);
      await gateway.launch();
      expect((await talk.view()).background).to.deep.equal([]);
      const first = await ask(talk, "alpha");
      expect(first.background_lost?.map(({ kind, reason }) => ({ kind, reason }))).to.deep.equal([
        { kind: "shell", reason },
      ]);
      for (const word of WORDS.slice(1))
        expect(await ask(talk, word)).not.to.have.property("background_lost");
      expect(await notices(talk), "background turns").to.have.length(1);
      await checkSums(talk);
    });
  }

  it("belong to their prompts when a job ends during one", async () => {
    gateway = await TestGateway.start(options(60));
    const talk = await Conversation.start(gateway);
    await talk.say(`${JOB} [[say started]]`);
    void endJobs(talk, 1000);
    expect((await talk.say("[[slow 400]] [[words 6]]")).body.result).to.equal(
      "word1 word2 word3 word4 word5 word6",
    );
    await askAll(talk, 0);
    await checkSums(talk);
  });

  it("belong to their prompts when three jobs end at once", async () => {
    gateway = await TestGateway.start(options(60));
    const talk = await Conversation.start(gateway);
    await talk.say(`[[both ${JOB} ${JOB} ${JOB}]] [[say started]]`);
    void endJobs(talk, 200);
    await askAll(talk, 100);
    await eventually("three background turns", async () => (await notices(talk)).length === 3 || undefined);
    await checkSums(talk);
  });

  it("belong to their prompts beside an asynchronous subagent, whose cost is the background turn's", async () => {
    gateway = await TestGateway.start(options(60));
    const talk = await Conversation.start(gateway);
    const slow = `${bash("node -e 'setTimeout(()=>{},1500)'")} [[words 7]]`;
    const started = await talk.say(`${agent(slow, true)} [[say started]]`);
    expect(started.body.result).to.equal("started");
    await askAll(talk, 700);
    const [turn] = await eventually("the background turn", async () => {
      const ended = (await notices(talk)).filter((one) => one.end !== null);
      return ended.length === 1 ? ended : undefined;
    });
    const background = talk.dealt().filter(({ kind }) => kind === "subagent" || kind === "notice");
    expect(turn?.tokens).to.deep.equal(sumOfDealt(background));
    await checkSums(talk);
  });

  it("belong to their prompts beside a foreground subagent", async () => {
    gateway = await TestGateway.start(options(60));
    const talk = await Conversation.start(gateway);
    expect((await talk.say(`${agent("[[words 7]]", false)} [[say started]]`)).body.result).to.equal(
      "started",
    );
    await askAll(talk, 0);
    expect(await notices(talk)).to.deep.equal([]);
    await checkSums(talk);
  });

  it("wait for a background turn that runs, whose answer is its own", async () => {
    gateway = await TestGateway.start(options(60));
    const talk = await Conversation.start(gateway);
    const work = `[[noticed ${bash("node -e 'setTimeout(()=>{},1500)'")} [[say built]]]]`;
    await talk.say(`${JOB} [[say started]] ${work}`);
    await endJobs(talk);
    await eventually("a background turn", async () => (await openTurns(talk)) === 1 || undefined);
    await ask(talk, "alpha");
    const [turn] = await notices(talk);
    expect(turn?.end).to.equal("completed");
    const { body } = await gateway.request<{ origin: string; result: TurnResponse }>(`/turns/${turn?.id}`);
    expect([body.origin, body.result.result]).to.deep.equal(["background", "built"]);
    await checkSums(talk);
  });

  it("come after a background turn that is interrupted", async () => {
    gateway = await TestGateway.start(options(60));
    const talk = await Conversation.start(gateway);
    const work = `[[noticed ${bash("node -e 'setTimeout(()=>{},30000)'")} [[say built]]]]`;
    await talk.say(`${JOB} [[say started]] ${work}`);
    await endJobs(talk);
    await eventually("its tool call", async () =>
      talk.dealt().some(({ kind, end }) => kind === "notice" && end === "finished") ? true : undefined,
    );
    const waiting = ask(talk, "alpha");
    await sleep(300);
    const { body } = await gateway.request(`${talk.path}/interrupt`, { body: {} });
    expect(body["interrupted"]).to.equal(true);
    await waiting;
    expect((await notices(talk)).map(({ end }) => end)).to.deep.equal(["interrupted"]);
    await askAll(talk, 0);
    await checkSums(talk);
  });

  it("are sent, with all events, to subscribers of the session", async () => {
    gateway = await TestGateway.start(options(60));
    const talk = await Conversation.start(gateway);
    const listening = new AbortController();
    const response = await gateway.fetch(`${talk.path}/events`, { signal: listening.signal });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { event, data } of readEvents(response)) {
        const { origin } = JSON.parse(data);
        seen.push(origin === undefined ? event : `${event} ${origin}`);
      }
    })().catch(() => undefined);
    await talk.say(`${JOB} [[say started]]`);
    await endJobs(talk);
    await eventually("the background turn's end", async () => seen.includes("done background") || undefined);
    listening.abort();
    await reading;
    expect(seen).to.include.members(["turn prompt", "text", "background", "done prompt", "turn background"]);
    expect(seen.indexOf("done prompt")).to.be.lessThan(seen.indexOf("turn background"));
  });
});
