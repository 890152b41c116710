import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Tokens } from "@claudeway/schemas";
import { expect } from "chai";
import { Conversation } from "./conversation.js";
import { sumOfDealt } from "./dealt.js";
import { TestGateway } from "./gateway.js";
import { addTokens } from "./ledger-file.js";
import { eventually } from "./poll.js";
import { onSmallDisk, SmallDisk } from "./small-disk.js";

const OPTIONS = { env: { IS_SANDBOX: "1" }, config: "[engine]\nspares = 0\ngrace_secs = 1\n" };
const FAILED = "could not record a turn in the ledger";

describe("a disk that is full when a turn ends", () => {
  let gateway: TestGateway;
  let disk: SmallDisk;
  let talk: Conversation;
  let first: Tokens;
  beforeEach(async () => {
    gateway = await TestGateway.start(onSmallDisk(OPTIONS));
    disk = new SmallDisk(gateway);
    talk = await Conversation.start(gateway);
    first = (await talk.say("[[words 4]]")).body.tokens;
  });
  afterEach(() => gateway.dispose());

  /** A turn whose model has begun to answer before the disk is full, and ends after that. */
  async function turnOnFullDisk() {
    const before = talk.dealt().length;
    const answer = talk.say("[[open]] [[wait 1500]] [[words 5]]");
    const state = { ended: false };
    const ended = answer.then(() => {
      state.ended = true;
    });
    await eventually("the turn's first message", () => talk.dealt().length > before || undefined);
    await sleep(300);
    disk.fill();
    await eventually("the failure in the log", () => gateway.stderr.includes(FAILED) || undefined);
    return { answer, ended, state, dealt: () => talk.dealt().slice(before) };
  }

  it("delays the response until the turn is recorded", async () => {
    const { answer, state, dealt } = await turnOnFullDisk();
    await sleep(1500);
    expect(state.ended, "answered before it was recorded").to.equal(false);
    expect((await talk.view()).tokens, "booked").to.deep.equal(first);
    disk.makeRoom();
    const { status, headers, body } = await answer;
    expect(status).to.equal(200);
    expect(body).to.include({ success: true, result: "word1 word2 word3 word4 word5" });
    expect(body.tokens).to.deep.equal(sumOfDealt(dealt()));
    expect((await talk.view()).tokens).to.deep.equal(addTokens(first, body.tokens));
    expect((await talk.say("[[words 3]]")).body).to.include({ success: true, result: "word1 word2 word3" });

    await disk.crash();
    await gateway.launch(OPTIONS);
    const { body: turn } = await gateway.request(`/turns/${headers.get("x-turn-id")}`);
    expect(turn, "after a crash").to.deep.include({ state: "completed", result: body });
  });

  it("refuses new turns, and says why", async () => {
    disk.fill();
    const { status, headers, body } = await gateway.request("/task", { body: { prompt: "[[words 1]]" } });
    expect({ status, retryAfter: headers.get("retry-after"), body }).to.deep.equal({
      status: 503,
      retryAfter: "5",
      body: {
        error: "the ledger cannot be written: the disk is full",
        code: "UNAVAILABLE",
        reason: "ledger_unavailable",
      },
    });
  });

  it("sends no unrecorded response when the gateway stops", async () => {
    const { answer } = await turnOnFullDisk();
    gateway.signal("SIGTERM");
    const { status, body } = await answer;
    expect(status).to.equal(503);
    expect(body).to.include({ code: "UNAVAILABLE" }).and.not.have.property("result");
    expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
  });

  it("leaves no folder of a session that can't be recorded", async () => {
    const folders = readdirSync(gateway.workdir);
    disk.fill();
    const { status, body } = await gateway.request("/session/start", { body: {} });
    expect([status, body]).to.deep.include(503);
    expect(readdirSync(gateway.workdir)).to.deep.equal(folders);
    disk.makeRoom();
    expect((await gateway.request("/session/start", { body: {} })).status).to.equal(200);
  });

  it("records the end when space is freed before the gateway has stopped", async () => {
    const { answer } = await turnOnFullDisk();
    disk.makeRoom();
    gateway.signal("SIGTERM");
    expect((await answer).body).to.include({ success: true });
    await gateway.ended();
  });
});
