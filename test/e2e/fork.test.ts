import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { SessionMessages } from "@claudeway/schemas";
import { expect } from "chai";
import { bash, Conversation } from "./conversation.js";
import { priceOf, sumOfDealt } from "./dealt.js";
import { TestGateway } from "./gateway.js";
import { addTokens, NO_TOKENS } from "./ledger-file.js";
import { eventually } from "./poll.js";
import { inTheMiddle, killChild } from "./ways.js";

const turnOf = ({ headers }: { readonly headers: Headers }) => headers.get("x-turn-id") ?? "";

describe("POST /session/:id/fork", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({
      env: { IS_SANDBOX: "1" },
      config: "[limits]\nfile_bytes = 1000000\n",
    });
  });
  after(() => gateway.dispose());

  /** The prompts that the model remembers. */
  async function remembered(talk: Conversation): Promise<unknown> {
    const { body } = await talk.say("[[recall]]");
    return JSON.parse(body.result.replace(/^I remember \d+ earlier prompts?: /, ""));
  }

  /** Holds the session's ledger, turn by turn and in sum, against what the model dealt to it. */
  async function checkMoney(talk: Conversation): Promise<void> {
    const dealt = sumOfDealt(talk.dealt());
    const view = await talk.view();
    expect(view.tokens, "the session's tokens").to.deep.equal(dealt);
    if (view.cost_estimated !== true) expect(view.cost_usd).to.be.closeTo(priceOf(dealt), 1e-9);
    const turns = await talk.ledger.turns(talk.id);
    expect(turns.reduce((sum, { tokens }) => addTokens(sum, tokens), NO_TOKENS)).to.deep.equal(dealt);
  }

  it("goes on from what was said, and leaves the session as it is", async () => {
    const talk = await Conversation.start(gateway, { model: "sonnet", system_prompt: "Be a test." });
    await talk.say("[[words 2]] one");
    await talk.say("[[words 2]] two");
    const fork = await talk.fork();
    expect(fork.id).to.not.equal(talk.id);
    expect(await fork.view()).to.include({ task_count: 0, cost_usd: 0, model: "sonnet" });
    expect(await remembered(fork)).to.deep.equal(["[[words 2]] one", "[[words 2]] two"]);
    await fork.say("[[words 1]] only here");
    expect(await remembered(talk)).to.deep.equal(["[[words 2]] one", "[[words 2]] two"]);
    const asked = gateway.model.requests().filter(({ sessionId }) => sessionId === fork.id);
    for (const { system } of asked) expect(system).to.contain("Be a test.");
    await checkMoney(fork);
    await checkMoney(talk);
  });

  it("ends where `at` says, and shows which turns it has from there", async () => {
    const talk = await Conversation.start(gateway);
    const turns = [];
    for (const name of ["one", "two", "three"])
      turns.push(turnOf(await talk.say(`[[words 2]] ${name} ${bash(`echo ${name}`)} [[words 1]]`)));
    const fork = await talk.fork(turns[1]);
    const { headers } = await fork.say("[[words 1]] other");
    const { body } = await gateway.request<SessionMessages>(`${fork.path}/messages`);
    expect(body.turns.map(({ turn_id, forked = false }) => [turn_id, forked])).to.deep.equal([
      [headers.get("x-turn-id"), false],
      [null, true],
      [null, true],
    ]);
    const prompts = body.turns.map(({ messages }) => messages[0]?.content[0]);
    expect(JSON.stringify(prompts)).to.contain("two").and.contain("one").and.not.contain("three");
    await checkMoney(fork);
    const first = await talk.fork(turns[0]);
    expect(await remembered(first)).to.have.length(1);
    await checkMoney(first);
  });

  describe("bills a fork for its own turns alone", () => {
    const ways: readonly (readonly [string, (talk: Conversation) => Promise<unknown>])[] = [
      ["while the parent's process lives", async () => undefined],
      [
        "after a clean end",
        async () => {
          await gateway.stop();
          await gateway.launch();
        },
      ],
      [
        "after a kill",
        async () => {
          await gateway.stop("SIGKILL");
          await gateway.launch();
        },
      ],
      [
        "after a turn that was interrupted",
        (talk) =>
          inTheMiddle(talk, "tool call", () => gateway.request(`${talk.path}/interrupt`, { method: "POST" })),
      ],
      ["after a CLI that was killed", (talk) => inTheMiddle(talk, "tool call", (turn) => killChild(turn))],
    ];
    for (const [name, way] of ways) {
      it(name, async () => {
        const talk = await Conversation.start(gateway);
        const first = turnOf(await talk.say("[[words 3]] one"));
        await talk.say("[[words 5]] two");
        await way(talk);
        for (const fork of [await talk.fork(), await talk.fork(first)]) {
          await fork.say("[[words 2]] [[bash echo hi]] [[words 4]]");
          await checkMoney(fork);
          await gateway.stop();
          await gateway.launch();
          await fork.say("[[words 3]]");
          await gateway.stop("SIGKILL");
          await gateway.launch();
          await fork.say("[[words 3]]");
          await checkMoney(fork);
        }
        await talk.say("[[words 1]]");
        expect((await talk.view()).tokens).to.deep.equal(sumOfDealt(talk.dealt()));
      });
    }
  });

  it("stays whole when the parent is deleted, and can be forked itself", async () => {
    const talk = await Conversation.start(gateway);
    await talk.say(`${bash("echo kept > kept.txt")} [[words 1]] one`);
    const fork = await talk.fork();
    await gateway.request(talk.path, { method: "DELETE" });
    expect(existsSync(talk.workdir)).to.equal(false);
    expect(readFileSync(join(fork.workdir, "kept.txt"), "utf8")).to.equal("kept\n");
    const at = turnOf(await fork.say("[[words 1]] two"));
    await fork.say("[[words 1]] three");
    const again = await fork.fork(at);
    expect(await remembered(again)).to.have.length(2);
    await gateway.stop("SIGKILL");
    await gateway.launch();
    expect(await remembered(fork)).to.have.length(3);
    await checkMoney(fork);
    await checkMoney(again);
  });

  it("copies the workdir with modes and links, and follows none", async () => {
    const talk = await Conversation.start(gateway);
    await talk.say("[[words 1]]");
    mkdirSync(join(talk.workdir, "deep/er"), { recursive: true });
    writeFileSync(join(talk.workdir, "deep/er/file"), "x");
    writeFileSync(join(talk.workdir, "run.sh"), "#!/bin/sh\n");
    chmodSync(join(talk.workdir, "run.sh"), 0o750);
    symlinkSync("/etc", join(talk.workdir, "out"));
    symlinkSync(join(talk.workdir, "deep"), join(talk.workdir, "in"));
    symlinkSync("deep/er", join(talk.workdir, "near"));
    const { workdir } = await talk.fork();
    expect(readFileSync(join(workdir, "deep/er/file"), "utf8")).to.equal("x");
    expect(statSync(join(workdir, "run.sh")).mode & 0o777).to.equal(0o750);
    expect(["out", "in", "near"].map((name) => readlinkSync(join(workdir, name)))).to.deep.equal([
      "/etc",
      join(workdir, "deep"),
      "deep/er",
    ]);
    expect(lstatSync(workdir).mode & 0o777).to.equal(0o700);
    writeFileSync(join(workdir, "deep/er/file"), "changed");
    expect(readFileSync(join(talk.workdir, "deep/er/file"), "utf8")).to.equal("x");
  });

  it("shares a folder that the caller named", async () => {
    const folder = join(gateway.dir, "named");
    mkdirSync(folder);
    const talk = await Conversation.start(gateway, { workdir: folder });
    await talk.say("[[words 1]] one");
    const fork = await talk.fork();
    expect(fork.workdir).to.equal(talk.workdir);
    expect(await remembered(fork)).to.have.length(1);
    await gateway.request(fork.path, { method: "DELETE" });
    expect(existsSync(folder)).to.equal(true);
  });

  it("begins anew where nothing was said yet, or `/clear` was", async () => {
    const talk = await Conversation.start(gateway);
    const fork = await talk.fork();
    expect(await remembered(fork)).to.deep.equal([]);
    await talk.say("[[words 1]] forgotten");
    await talk.say("/clear");
    await talk.say("[[words 1]] kept");
    const cleared = await talk.fork();
    expect(JSON.stringify(await remembered(cleared)))
      .to.contain("kept")
      .and.not.contain("forgotten");
    await checkMoney(cleared);
  });

  it("refuses a turn that runs, is not there, or is another session's", async () => {
    const talk = await Conversation.start(gateway);
    const other = await Conversation.start(gateway);
    await talk.say("[[words 1]]");
    const others = turnOf(await other.say("[[words 1]]"));
    const fork = (body: object) => gateway.request(`${talk.path}/fork`, { body });
    await inTheMiddle(talk, "tool call", async (turn) => {
      expect((await fork({})).body["code"]).to.equal("CONFLICT");
      expect((await fork({ at: turn.id })).body["code"]).to.equal("CONFLICT");
      // Of another session, a turn that runs looks like one that is not there.
      const elsewhere = await gateway.request(`${other.path}/fork`, { body: { at: turn.id } });
      expect(elsewhere.body["code"]).to.equal("BAD_REQUEST");
      await gateway.request(`${talk.path}/interrupt`, { method: "POST" });
    });
    for (const at of [others, "00000000-0000-4000-8000-000000000000", "x"])
      expect((await fork({ at })).body["code"], at).to.equal("BAD_REQUEST");
  });

  it("refuses a workdir that is too large, and leaves nothing of the fork", async () => {
    const talk = await Conversation.start(gateway);
    await talk.say("[[words 1]]");
    writeFileSync(join(talk.workdir, "large"), "x".repeat(1_000_001));
    const before = [readdirSync(gateway.workdir), await transcripts()];
    const answer = await gateway.request(`${talk.path}/fork`, { body: {} });
    expect([answer.status, answer.body["code"]]).to.deep.equal([413, "PAYLOAD_TOO_LARGE"]);
    expect([readdirSync(gateway.workdir), await transcripts()]).to.deep.equal(before);
  });

  async function transcripts(): Promise<string[]> {
    const projects = join(gateway.dir, "claude/projects");
    await eventually("the transcripts", () => existsSync(projects) || undefined);
    return readdirSync(projects, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".jsonl"))
      .sort();
  }
});
