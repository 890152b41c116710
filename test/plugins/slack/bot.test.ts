import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { SlackBot } from "./bot-kit.js";
import { ADA, BOB, BOT_USER, CHANNEL } from "./fake-slack.js";

describe("slack's bot", () => {
  let bot: SlackBot;

  afterEach(async () => {
    await bot.dispose();
  });

  it("makes a session of each thread, and answers in it as its key id", async () => {
    bot = await (await SlackBot.start()).ready();
    const root = bot.slack.mention("hello");
    const shown = await bot.shows("you said: hello");
    expect(shown).to.include({ channel: CHANNEL, thread: root });
    bot.slack.write("again", { thread: root });
    await bot.shows("you said: again");
    bot.slack.mention("elsewhere");
    await bot.shows("you said: elsewhere");
    const [first, second, third] = bot.turns.ran;
    expect(second?.sessionId).to.equal(first?.sessionId);
    expect(third?.sessionId).not.to.equal(first?.sessionId);
    expect(first?.keyId).to.equal("slack");
    await bot.acknowledged();
  });

  it("answers a mention once, though it comes as two events", async () => {
    bot = await (await SlackBot.start()).ready();
    const root = bot.slack.mention("only once");
    await bot.acknowledged();
    expect(bot.slack.acked).to.have.length(2);
    // Messages of a thread are answered in order: another turn would come first.
    bot.slack.write("and then", { thread: root });
    await bot.shows("you said: and then");
    expect(bot.turns.ran.map(({ prompt }) => prompt)).to.deep.equal(["only once", "and then"]);
  });

  it("ignores what is not for it: other threads, other bots, edits, and itself", async () => {
    bot = await (await SlackBot.start()).ready();
    bot.slack.write("among people");
    bot.slack.write("in a thread of others", { thread: "1800000000.000001" });
    bot.slack.mention("from a bot", { event: { bot_id: "B1" } });
    bot.slack.mention("edited", { event: { subtype: "message_changed" } });
    bot.slack.mention("myself", { user: BOT_USER });
    bot.slack.mention("for me");
    await bot.shows("you said: for me");
    await bot.acknowledged();
    expect(bot.turns.ran.map(({ prompt }) => prompt)).to.deep.equal(["for me"]);
  });

  it("reads Slack's markup as text, and commands of the CLI behind an exclamation mark", async () => {
    bot = await (await SlackBot.start()).ready();
    bot.slack.mention(
      "is a &lt; b &amp;&amp; c? see <https://a.b|the page> and <https://c.d> in <#C9|general>",
    );
    await bot.shows("a < b && c");
    expect(bot.turns.ran[0]?.prompt).to.equal(
      "is a < b && c? see the page (https://a.b) and https://c.d in #general",
    );
    bot.slack.mention("!compact now");
    await bot.shows("you said: /compact now");
  });

  it("streams by editing one message, with rich text, and deletes nothing", async () => {
    bot = await (await SlackBot.start()).ready();
    bot.turns.script = () => ({ pieces: Array.from({ length: 60 }, (_, n) => `**w${n}** `), everyMs: 10 });
    const root = bot.slack.mention("go");
    const shown = await bot.shows("w59");
    expect(bot.slack.texts(root)).to.have.length(1);
    expect(shown.edits).to.be.at.least(2);
    expect(JSON.stringify(shown.blocks)).to.contain('{"type":"text","text":"w59","style":{"bold":true}}');
  });

  it("obeys Retry-After", async () => {
    bot = await (await SlackBot.start()).ready();
    bot.slack.next("chat.postMessage", { status: 429, retryAfter: 1 });
    const began = performance.now();
    bot.slack.mention("hello");
    await bot.shows("you said: hello");
    expect(performance.now() - began).to.be.at.least(980);
    expect(bot.slack.count("chat.postMessage")).to.equal(2);
  });

  it("splits a long answer, and sends a very long one as a file too", async () => {
    bot = await (await SlackBot.start()).ready();
    bot.turns.script = (prompt) => ({
      pieces: [`${"0123456789 ".repeat(prompt === "long" ? 900 : 10_000)}end`],
    });
    const root = bot.slack.mention("long");
    await bot.shows("end");
    expect(bot.slack.texts(root)).to.have.length(3);
    bot.slack.mention("very");
    const file = await eventually("a file", () => bot.slack.shown.find((one) => one.file !== undefined));
    expect(file.file).to.have.length(110_003);
    expect(file.text).to.contain("answer.md");
  });

  it("passes images and PDF files on, and says what it cannot read", async () => {
    bot = await (await SlackBot.start()).ready();
    bot.slack.files.set("F1", Buffer.from("the photo"));
    const at = (id: string) => `http://${bot.slack.host}/files/${id}`;
    const image = { id: "F1", mimetype: "image/png", url_private_download: at("F1"), size: 9 };
    const root = bot.slack.mention("what is this?", { files: [image] });
    await bot.shows("you said: what is this?");
    const data = Buffer.from("the photo").toString("base64");
    expect(bot.turns.contents).to.deep.equal([
      [
        { type: "image", source: { type: "base64", media_type: "image/png", data } },
        { type: "text", text: "what is this?" },
      ],
    ]);
    bot.slack.write("", {
      thread: root,
      files: [{ id: "F2", mimetype: "audio/mp4", url_private: at("F2") }],
    });
    await bot.shows("voice messages are unsupported");
    bot.slack.files.set("F4", Buffer.from("a,b\n1,2"));
    const csv = { id: "F4", mimetype: "text/csv", name: "t.csv", url_private: at("F4"), size: 7 };
    bot.slack.write("sum up", { thread: root, files: [csv] });
    await bot.shows("you said: sum up");
    const block = { type: "text", text: 'The file "t.csv":\n\na,b\n1,2' };
    expect(bot.turns.contents.at(-1)?.[0]).to.deep.equal(block);
    const elsewhere = { id: "F3", mimetype: "image/png", url_private: "https://evil.example/x.png" };
    bot.slack.write("look", { thread: root, files: [elsewhere] });
    await bot.shows("could not be fetched from Slack");
    await bot.shows("you said: look");
    expect(bot.turns.ran.at(-1)?.prompt).to.equal("look");
  });

  it("decides on calls with buttons, in the thread of their session, and says by whom", async () => {
    bot = await (await SlackBot.start()).ready();
    const root = bot.slack.mention("hi");
    await bot.shows("you said: hi");
    const [session = ""] = bot.turns.sessions.keys();
    bot.ask({ id: "a1", sessionId: session, input: { command: "rm <!channel> *x*" } });
    const card = await bot.shows("May Claude use Bash?");
    expect(card.thread).to.equal(root);
    expect(JSON.stringify(card.blocks)).to.contain("rm <!channel> *x*", "rich text is verbatim");
    expect(card.text).to.contain("&lt;!channel&gt;").and.not.contain("<!channel>");
    const actionTs = bot.slack.ts();
    bot.slack.press(card, "Approve", { actionTs });
    bot.slack.press(card, "Approve", { actionTs });
    await eventually("no buttons", () => card.blocks.every(({ type }) => type !== "actions"));
    expect(card.blocks.map((block) => JSON.stringify(block)).join()).to.contain(
      `Approved by ","style":{"bold":true}},{"type":"user","user_id":"${ADA}"`,
    );
    expect(card.text).to.contain(`Approved by <@${ADA}>`);
    await bot.acknowledged();
    const decision = bot.approvalService.approvals.get("a1")?.decision;
    expect(decision?.by).to.deep.equal({
      channel: "slack",
      who: `<@${ADA}>`,
      from: `channel ${CHANNEL}, user ${ADA}`,
    });
  });

  it("asks questions with buttons or a menu; a message in the thread answers in other words", async () => {
    bot = await (await SlackBot.start()).ready();
    const root = bot.slack.mention("hi");
    await bot.shows("you said: hi");
    const [session = ""] = bot.turns.sessions.keys();
    const labels = Array.from({ length: 9 }, (_, n) => ({ label: `db ${n}`, description: "" }));
    const questions = [
      { question: "Which database?", options: labels },
      { question: "Which port?", options: [{ label: "1", description: "" }] },
    ];
    bot.ask({
      id: "q1",
      kind: "question",
      tool: "AskUserQuestion",
      sessionId: session,
      input: { questions },
    });
    const card = await bot.shows("Which database?");
    expect(
      card.blocks.some(({ elements }) => elements?.some(({ type }) => type === "static_select")),
    ).to.equal(true);
    bot.slack.press(card, "db 7");
    await bot.shows("Which port?");
    bot.slack.write("the usual one", { thread: root });
    await eventually("a decision", () => bot.approvalService.approvals.get("q1")?.status === "allowed");
    const updated = bot.approvalService.approvals.get("q1")?.decision;
    expect(updated?.updatedInput).to.deep.equal({
      answers: { "Which database?": "db 7", "Which port?": "the usual one" },
    });
    expect(bot.turns.ran).to.have.length(1);
  });

  it("refuses unauthorized users once, in a message that only they see", async () => {
    bot = await (await SlackBot.start({ allowed_users: [ADA] })).ready();
    bot.slack.mention("let me", { user: BOB });
    const refusal = await bot.shows("you are not allowed to use this bot");
    expect(refusal.to).to.equal(BOB);
    bot.slack.mention("please", { user: BOB });
    bot.slack.mention("elsewhere", { channel: "C0OTHER" });
    await bot.shows("belongs to another chat");
    bot.slack.mention("hi");
    await bot.shows("you said: hi");
    const [session = ""] = bot.turns.sessions.keys();
    bot.ask({ id: "a1", sessionId: session });
    const card = await bot.shows("May Claude use Bash?");
    bot.slack.press(card, "Approve", { user: BOB });
    await bot.acknowledged();
    expect(bot.approvalService.approvals.get("a1")?.status).to.equal("pending");
    expect(bot.turns.ran.map(({ prompt }) => prompt)).to.deep.equal(["hi"]);
    expect(bot.slack.shown.filter(({ to }) => to === BOB)).to.have.length(1);
  });

  it("serves direct messages of allowed users only", async () => {
    bot = await (await SlackBot.start({ allowed_users: [ADA] })).ready();
    bot.slack.write("directly", { channel: "D0ADA" });
    expect(await bot.shows("you said: directly")).to.include({ channel: "D0ADA" });
    await bot.stop();
    await bot.launch();
    await bot.ready();
    bot.slack.write("again", { channel: "D0BOB", user: BOB });
    await bot.shows("not allowed to use this bot");
    expect(bot.turns.ran).to.have.length(1);
  });

  it("has commands for the session of a thread", async () => {
    bot = await (await SlackBot.start()).ready();
    const root = bot.slack.mention("!new opus");
    await bot.shows("New session with opus");
    bot.slack.write("hi", { thread: root });
    await bot.shows("you said: hi");
    expect([...bot.turns.sessions.values()].map(({ model }) => model)).to.deep.equal(["opus"]);
    bot.slack.write("!status", { thread: root });
    await bot.shows("Turns: 3");
    bot.slack.write("!help", { thread: root });
    await bot.shows("!close – delete this session");
    bot.slack.write("!close", { thread: root });
    await bot.shows("The session is deleted.");
    expect(bot.turns.sessions.size).to.equal(0);
  });

  it("posts events, and approvals of other sessions, in feed_channel", async () => {
    bot = await (await SlackBot.start({ feed_channel: "C0FEED", events: ["budgets"] })).ready();
    bot.running.kernel.notify("budgetWarning", {
      budget: "monthly",
      subject: "key:slack",
      window: "month",
      limitUsd: 50,
      spentUsd: 40,
      share: 0.8,
      resetsAt: undefined,
    });
    expect(await bot.shows("80% of a budget")).to.include({ channel: "C0FEED", thread: undefined });
    bot.ask({ id: "a1" });
    const card = await bot.shows("May Claude use Bash?");
    expect(card).to.include({ channel: "C0FEED", thread: undefined });
    bot.slack.press(card, "Deny");
    await eventually("a decision", () => bot.approvalService.approvals.get("a1")?.status === "denied");
  });
});
