import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";

const WORDS = ["alpha", "beta", "gamma", "delta"] as const;

/** A call that starts a job in the background; the job ends after so many ms. */
function job(ms: number): string {
  const command = `node -e 'setTimeout(()=>{},${ms})'`;
  const input = { command, description: "Test job", run_in_background: true };
  return `[[${JSON.stringify({ tool: "Bash", input })}]]`;
}

const options = (idleSecs: number) => ({
  env: { IS_SANDBOX: "1" },
  config: `[engine]\nidle_secs = ${idleSecs}\n`,
  model: { keepRequests: 10_000 },
});

/** Asks for each word and holds answer and stream against it. */
async function askAll(talk: Conversation, pauseMs: number): Promise<void> {
  for (const word of WORDS) {
    const prompt = `[[say ${word}]]`;
    const events = await talk.gateway.events(`${talk.path}/stream`, { body: { prompt } });
    const done = JSON.parse(events.at(-1)?.data ?? "{}");
    const text = events.filter(({ event }) => event === "text").at(-1)?.data;
    expect({ result: done.result, text }, prompt).to.deep.equal({ result: word, text: word });
    await sleep(pauseMs);
  }
}

describe("answers beside background work", () => {
  let gateway: TestGateway;
  afterEach(() => gateway.dispose());

  for (const idleSecs of [1, 60]) {
    for (const pauseMs of [0, 4000]) {
      it(`belong to their prompts with idle_secs = ${idleSecs} and pauses of ${pauseMs} ms`, async function () {
        this.timeout(120_000);
        gateway = await TestGateway.start(options(idleSecs));
        const talk = await Conversation.start(gateway);
        expect((await talk.say(`${job(2500)} [[say started]]`)).body.result).to.equal("started");
        await askAll(talk, pauseMs);
      });
    }
  }
  for (const [how, end] of [
    ["an orderly restart", "SIGTERM"],
    ["kill -9", "SIGKILL"],
  ] as const) {
    it(`belong to their prompts after ${how}`, async function () {
      this.timeout(120_000);
      gateway = await TestGateway.start(options(60));
      const talk = await Conversation.start(gateway);
      expect((await talk.say(`${job(20_000)} [[say started]]`)).body.result).to.equal("started");
      await gateway.stop(end);
      await gateway.launch();
      await askAll(talk, 0);
    });
  }
});
