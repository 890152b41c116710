import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { bash, Conversation } from "./conversation.js";
import { priceOf, sumOfDealt, sumOfDelivered } from "./dealt.js";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { childrenGone, guardOf } from "./processes.js";
import { SANDBOX_SWITCH } from "./sandboxed.js";

const MESSAGES = [1, 2, 3, 4];
/** The CLI gathers what it writes down for this long, at most, in ms. */
const WRITES_MS = 400;
/** How long each tool call takes, in ms. */
const CALL_MS = 2000;

/** A turn of four messages and a subagent's two, each but the last with a call that takes a while. */
function prompt(): string {
  const call = (name: string) => bash(`touch ${name}; node -e 'setTimeout(()=>{},${CALL_MS})'`);
  const subagent = `[[subagent [[words 7]] ${bash("echo hi")}]]`;
  return `[[words 3]] ${call("call-1")} [[words 4]] ${call("call-2")} ${subagent} [[words 5]] ${call("call-4")} [[words 6]]`;
}

/** Files that show the progress of the turn: the call of the third message is the subagent's. */
const REACHED: Readonly<Record<number, string>> = { 1: "call-1", 2: "call-2", 3: "call-4", 4: "call-4" };

describe("the cost of a turn whose gateway is killed", function () {
  this.timeout(120_000);
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ env: { IS_SANDBOX: "1" }, model: { keepRequests: 1000 } });
  });
  after(() => gateway.dispose());

  /** Checks the lost turn against what the model dealt, and that the next one is exact. */
  async function checkBooks(talk: Conversation, before: number, tolerance = 0.5): Promise<void> {
    const turn = await talk.ended();
    const dealt = talk.dealt().slice(before);
    expect(turn).to.deep.include({ end: "lost", estimated: true, tokens: sumOfDelivered(dealt) });
    const price = priceOf(turn.tokens);
    // Learned from the turns before, unless the CLI itself said what it was.
    expect(turn.costUsd).to.be.within(price * (1 - tolerance), price * (1 + tolerance));
    const all = talk.dealt().length;
    const { body } = await talk.say("[[words 9]]");
    expect(body).to.deep.include({ success: true, tokens: sumOfDealt(talk.dealt().slice(all)) });
    expect(body).to.not.have.property("cost_estimated");
    expect((await talk.view()).tokens).to.deep.equal(sumOfDealt(talk.dealt()));
  }

  for (const message of MESSAGES) {
    for (const heard of [true, false]) {
      const how = heard ? "" : ", which the gateway had not heard of";
      it(`is what was dealt, after message ${message}${how}`, async () => {
        const talk = await Conversation.start(gateway);
        for (const words of [2, 30]) await talk.say(`[[words ${words}]]`);
        const before = talk.dealt().length;
        const turn = talk.say(prompt()).catch(() => undefined);
        await eventually("the turn", () => talk.dealt().length > before);
        if (!heard) gateway.signal("SIGSTOP");
        await eventually("the call", () => existsSync(join(talk.workdir, REACHED[message] ?? "")));
        if (message === 4) {
          await eventually("the last message", () => talk.dealt().length === before + 6);
        }
        await sleep(WRITES_MS);
        await gateway.stop("SIGKILL");
        await turn;
        await childrenGone(gateway);
        await gateway.launch();
        await checkBooks(talk, before);
      });
    }
  }

  // In the sandbox nothing outlives the gateway, with or without a guard.
  const outlives = process.env[SANDBOX_SWITCH] === "1" ? it.skip : it;
  outlives("is what the CLI saved, if it ran to its end without a guard", async () => {
    const talk = await Conversation.start(gateway);
    await talk.say("[[words 2]]");
    const before = talk.dealt().length;
    const turn = talk.say(prompt()).catch(() => undefined);
    await eventually("the call", () => existsSync(join(talk.workdir, "call-1")));
    const guard = await eventually("the guard", () => guardOf(gateway));
    process.kill(guard, "SIGSTOP");
    await gateway.stop("SIGKILL");
    await turn;
    await eventually("the last message", () => talk.dealt().length === before + 6);
    await childrenGone(gateway);
    process.kill(guard, "SIGKILL");
    await gateway.launch();
    await checkBooks(talk, before, 1e-6);
  });
});
