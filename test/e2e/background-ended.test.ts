import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { ask, checkSums, job, notices } from "./background-kit.js";
import { bash, Conversation } from "./conversation.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

const ENDS = fileURLToPath(new URL("../fixtures/plugins/ends-background", import.meta.url));

describe("background work that a plugin ends", () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await TestGateway.start({ args: ["--enable-plugin", ENDS], env: { IS_SANDBOX: "1" } });
  });
  afterEach(() => gateway.dispose());

  const end = (talk: Conversation, key: string = KEYS.admin) =>
    gateway.request(`/ends-background/${talk.id}`, { method: "POST", key });

  it("is lost as interrupted, and the session goes on", async function () {
    this.timeout(60_000);
    const talk = await Conversation.start(gateway);
    await talk.say(`${job(60_000)} [[say started]]`);
    expect((await end(talk, KEYS.bob)).status, "another key's").to.equal(404);
    expect((await talk.view()).background).to.have.length(1);
    expect((await end(talk)).body).to.deep.equal({ ended: true });
    expect((await talk.view()).background).to.deep.equal([]);
    expect((await end(talk)).body, "nothing is left").to.deep.equal({ ended: false });
    const { background_lost: lost } = await ask(talk, "alpha");
    expect(lost?.map(({ kind, reason }) => [kind, reason])).to.deep.equal([["shell", "interrupted"]]);
    await checkSums(talk);
  });

  it("is ended with the turn that the CLI runs by itself", async function () {
    this.timeout(60_000);
    const talk = await Conversation.start(gateway);
    const work = `[[noticed ${bash("node -e 'setTimeout(()=>{},30000)'")} [[say built]]]]`;
    await talk.say(`[[both ${job(500)} ${job(60_000)}]] [[say started]] ${work}`);
    await eventually("its tool call", () =>
      talk.dealt().some(({ kind, end }) => kind === "notice" && end === "finished"),
    );
    expect((await end(talk)).body).to.deep.equal({ ended: true });
    expect((await notices(talk))[0]?.end).to.equal("interrupted");
    expect((await talk.view()).background).to.deep.equal([]);
    await ask(talk, "alpha");
    await ask(talk, "beta");
    await checkSums(talk);
  });
});
