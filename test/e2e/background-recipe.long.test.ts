import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { agent, ask, job, settle, WORDS } from "./background-kit.js";
import { bash, Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";
import { forEach, holdAgainstModel } from "./money-kit.js";

/** What the first turn starts; the prompts come meanwhile. */
const STARTS: Readonly<Record<string, string>> = {
  "a job": job(2500),
  "three jobs that end at once": `[[both ${job(2500)} ${job(2500)} ${job(2500)}]]`,
  "an asynchronous subagent": agent(
    `${bash("echo hi")} [[words 3]] [[wait 2500]] ${bash("echo ho")} [[words 7]]`,
    true,
  ),
  "a foreground subagent": agent(`${bash("echo hi")} [[words 7]]`, false),
};
const PAUSES_MS = [0, 4000];

/** What lies between the first turn and the prompts. */
const BETWEEN: Readonly<Record<string, NodeJS.Signals | undefined>> = {
  nothing: undefined,
  "an orderly restart": "SIGTERM",
  "kill -9": "SIGKILL",
};

describe("four prompts beside background work", () => {
  let gateway: TestGateway;
  afterEach(() => gateway.dispose());

  for (const idleSecs of [1, 60]) {
    for (const [what, signal] of Object.entries(BETWEEN)) {
      it(`get their own answers, tokens and cost after ${what}, with idle_secs = ${idleSecs}`, async function () {
        this.timeout(180_000);
        gateway = await TestGateway.start({
          env: { IS_SANDBOX: "1" },
          config:
            `[engine]\nidle_secs = ${idleSecs}\nmax_running = 8\nmax_processes = 12\n` +
            "max_background = 10\nmax_background_per_key = 10\n",
          model: { keepRequests: 10_000 },
        });
        const cases = await Promise.all(
          Object.entries(STARTS).flatMap(([start, calls]) =>
            PAUSES_MS.map(async (pauseMs) => {
              const talk = await Conversation.start(gateway);
              expect((await talk.say(`${calls} [[say started]]`)).body.result).to.equal("started");
              return { start, pauseMs, talk };
            }),
          ),
        );
        if (signal !== undefined) {
          await gateway.stop(signal);
          await gateway.launch();
        }
        await forEach(
          cases,
          ({ start, pauseMs }) => `${start}, pauses of ${pauseMs} ms`,
          async ({ talk, pauseMs }) => {
            for (const word of WORDS) {
              await ask(talk, word);
              await sleep(pauseMs);
            }
            await settle(talk);
            await holdAgainstModel(talk, signal !== undefined);
          },
        );
      });
    }
  }
});
