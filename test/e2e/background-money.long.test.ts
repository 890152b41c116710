import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { agent, job, settle } from "./background-kit.js";
import { bash, Conversation, PROMPTS } from "./conversation.js";
import { TestGateway } from "./gateway.js";
import { forEach, holdAgainstModel, optionsWith } from "./money-kit.js";
import { eventually } from "./poll.js";
import { cliOf } from "./processes.js";
import { killChild } from "./ways.js";

/** The CLI gathers what it writes down for less than this, in ms. */
const WRITES_MS = 500;

/** What the CLI goes on with after a turn has ended. */
const LATER: Readonly<Record<string, string>> = {
  "a job": job(2500),
  "three jobs": `${job(2500)} ${job(2500)} ${job(2700)}`,
  "an asynchronous subagent": agent("[[words 5]] [[wait 2500]] [[words 4]]", true),
  "an asynchronous subagent with tools": agent(
    `${bash("echo hi")} [[words 3]] [[wait 2500]] ${bash("echo ho")} [[words 7]]`,
    true,
  ),
};

describe("the cost of turns that the CLI begins by itself", () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await TestGateway.start(optionsWith(1));
  });
  afterEach(() => gateway.dispose());

  const WAYS: Readonly<Record<string, (talks: readonly Conversation[]) => Promise<unknown>>> = {
    "its own end": () => sleep(6000),
    "prompts that come meanwhile": (talks) =>
      Promise.all(
        talks.map(async (talk) => {
          for (const word of ["alpha", "beta", "gamma"]) {
            expect((await talk.say(`[[say ${word}]]`)).body.result).to.equal(word);
            await sleep(700);
          }
        }),
      ),
    interrupts: (talks) =>
      Promise.all(talks.map((talk) => gateway.request(`${talk.path}/interrupt`, { body: {} }))),
    "kills of the CLIs": (talks) => Promise.all(talks.map(async (talk) => killChild(await talk.ended()))),
    "an end of the CLIs in the middle of a prompt": (talks) =>
      inPrompts(talks, () =>
        Promise.all(
          talks.map(async (talk) => {
            const pid = (await talk.ledger.turns(talk.id)).at(-1)?.pid;
            if (typeof pid === "number") process.kill(cliOf(pid), "SIGTERM");
          }),
        ),
      ),
    "a kill of the gateway in the middle of a prompt": (talks) =>
      inPrompts(talks, async () => {
        await gateway.stop("SIGKILL");
        await gateway.launch();
      }),
    "a stop of the gateway": async () => {
      await gateway.stop();
      await gateway.launch();
    },
    "a kill of the gateway": async () => {
      await gateway.stop("SIGKILL");
      await gateway.launch();
    },
  };

  for (const [way, end] of Object.entries(WAYS)) {
    it(`is what was delivered, over ${way}`, async function () {
      this.timeout(180_000);
      const cases = await Promise.all(
        Object.entries(LATER).map(async ([what, calls]) => {
          const talk = await Conversation.start(gateway);
          const { body } = await talk.say(`${calls} [[words 3]]`);
          expect(body.success, JSON.stringify(body)).to.equal(true);
          return { what, talk };
        }),
      );
      await sleep(WRITES_MS);
      await end(cases.map(({ talk }) => talk));
      await forEach(
        cases,
        ({ what }) => what,
        ({ talk }) => checkAll(talk, way),
      );
    });
  }

  /** A prompt, when nothing runs any more, and the session's sums against all that the model dealt. */
  async function checkAll(talk: Conversation, way: string): Promise<void> {
    await settle(talk);
    await holdAgainstModel(talk, !HEARD_TO_THE_END.has(way));
  }
});

/** Does something while each of them runs a tool call for a prompt. */
async function inPrompts(talks: readonly Conversation[], act: () => Promise<unknown>): Promise<void> {
  const answers = talks.map((talk) => talk.say(PROMPTS["tool call"]).catch(() => undefined));
  await Promise.all(talks.map((talk) => eventually("the tool", () => talk.toolRuns(), 60_000)));
  await sleep(WRITES_MS);
  await act();
  await Promise.all(answers);
}

/** The ways in which no process ends before the gateway has heard of all that was delivered. */
const HEARD_TO_THE_END: ReadonlySet<string> = new Set(["its own end", "prompts that come meanwhile"]);
