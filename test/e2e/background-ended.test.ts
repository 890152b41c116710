import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { ask, checkSums, job, notices } from "./background-kit.js";
import { bash, Conversation } from "./conversation.js";
import { sumOfDealt } from "./dealt.js";
import { KEYS, TestGateway } from "./gateway.js";
import { addTokens, NO_TOKENS } from "./ledger-file.js";
import { eventually } from "./poll.js";

const ENDS = fileURLToPath(new URL("../fixtures/plugins/ends-background", import.meta.url));

const REFUSES = fileURLToPath(new URL("../fixtures/plugins/refuses-background", import.meta.url));

describe("a background turn that a plugin refuses", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ args: ["--enable-plugin", REFUSES], env: { IS_SANDBOX: "1" } });
  });
  after(() => gateway.dispose());

  it("is interrupted with the reason, and ends the session's background work", async () => {
    const talk = await Conversation.start(gateway);
    const work = `[[noticed ${bash("node -e 'setTimeout(()=>{},30000)'")} [[say built]]]]`;
    await talk.say(`[[both ${job(500)} ${job(60_000)}]] [[say started]] ${work}`);
    const refused = await eventually("its end", async () =>
      (await notices(talk)).find(({ end }) => end !== null),
    );
    expect(refused).to.include({ end: "interrupted" });
    const { body } = await gateway.request(`/turns/${refused.id}`);
    expect(body, JSON.stringify(body)).to.have.nested.property(
      "result.error",
      "no background turns for admin",
    );
    await eventually("no background", async () => (await talk.view()).background?.length === 0);
    const { background_lost: lost } = await ask(talk, "alpha");
    expect(lost?.map(({ kind, reason }) => [kind, reason])).to.deep.equal([["shell", "interrupted"]]);
    const turns = await talk.ledger.turns(talk.id);
    const recorded = turns.reduce((sum, { tokens }) => addTokens(sum, tokens), NO_TOKENS);
    expect(recorded).to.deep.equal(sumOfDealt(talk.dealt()));
  });
});

describe("background work that a plugin ends", () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await TestGateway.start({ args: ["--enable-plugin", ENDS], env: { IS_SANDBOX: "1" } });
  });
  afterEach(() => gateway.dispose());

  const end = (talk: Conversation, key: string = KEYS.admin) =>
    gateway.request(`/ends-background/${talk.id}`, { method: "POST", key });

  it("is lost as interrupted, and the session goes on", async () => {
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

  it("is ended with the turn that the CLI runs by itself", async () => {
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
