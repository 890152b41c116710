import { expect } from "chai";
import { isSlacks } from "#plugins/slack/slack-api.js";
import { eventually, limitSecs } from "../../e2e/poll.js";
import { SlackBot } from "./bot-kit.js";

describe("files of slack's messages", () => {
  let bot: SlackBot;

  afterEach(async () => {
    await bot.dispose();
  });

  /** Stores a file at Slack; as it is in a message. */
  const fileOf = (id: string, content: Buffer) => {
    bot.slack.files.set(id, content);
    const url_private = `http://${bot.slack.host}/files/${id}`;
    return { id, mimetype: "image/png", url_private, size: content.length };
  };

  it("are read up to ten; the sender learns how many are left out", async () => {
    bot = await (await SlackBot.start()).ready();
    const files = Array.from({ length: 13 }, (_, n) => fileOf(`F${n}`, Buffer.from(`picture ${n}`)));
    bot.slack.mention("compare them", { files });
    await bot.shows("you said: compare them");
    expect(bot.turns.contents[0]).to.have.length(11);
    expect(bot.slack.mostFilesOpen).to.equal(1);
    await bot.shows("I read the first 10 files of a message. Files left out: 3.");
  });

  it("have 20 MB together; the sender learns how many are left out", async () => {
    bot = await (await SlackBot.start()).ready();
    const sizes = [12_000_000, 12_000_000, 9_000_000, 1000];
    bot.slack.mention("look", { files: sizes.map((size, n) => fileOf(`F${n}`, Buffer.alloc(size, n))) });
    await bot.shows("you said: look");
    await bot.shows("can have 20 MB together. Files left out: 2.");
    const read = bot.turns.contents[0]?.flatMap((block) =>
      block.type === "image" && block.source.type === "base64"
        ? [Buffer.from(block.source.data, "base64").length]
        : [],
    );
    expect(read).to.deep.equal([12_000_000, 1000]);
    expect(bot.slack.texts().join()).not.to.contain("could not be fetched");
  });

  it("are fetched for four conversations at once, while others are answered", async () => {
    bot = await (await SlackBot.start()).ready();
    let send: () => void = () => undefined;
    bot.slack.holdFiles = new Promise((resolve) => {
      send = resolve;
    });
    for (let n = 0; n < 7; n++)
      bot.slack.mention(`see ${n}`, { files: [fileOf(`F${n}`, Buffer.from(`picture ${n}`))] });
    await bot.acknowledged();
    await eventually("four files", () => bot.slack.filesOpen === 4);
    bot.slack.mention("no files");
    await bot.shows("you said: no files");
    expect(bot.slack.mostFilesOpen).to.equal(4);
    send();
    for (let n = 0; n < 7; n++) await bot.shows(`you said: see ${n}`);
    expect(bot.slack.mostFilesOpen).to.equal(4);
  });

  it("have the time to be sent that they need", async () => {
    const limit = limitSecs(0.5);
    bot = await (await SlackBot.start({ timeout_secs: limit })).ready();
    bot.turns.files.set("large.csv", "x".repeat(200_000));
    bot.slack.uploadMs = limit * 1000 + 500;
    bot.turns.script = () => ({
      calls: [{ name: "Write", input: { file_path: "/w/large.csv", content: "" } }],
      pieces: ["See large.csv"],
      everyMs: 40,
    });
    bot.slack.mention("go");
    await eventually("the file", () => bot.slack.shown.some(({ file }) => file?.length === 200_000));
    expect(bot.slack.uploaded).to.equal(1);
  });

  it("are named if they could not be sent", async () => {
    bot = await (await SlackBot.start({ timeout_secs: limitSecs(0.5) })).ready();
    bot.slack.always.set("files.getUploadURLExternal", "hang");
    bot.turns.files.set("a.txt", "content");
    bot.turns.script = () => ({
      calls: [{ name: "Write", input: { file_path: "/w/a.txt", content: "" } }],
      pieces: ["See a.txt"],
      everyMs: 40,
    });
    bot.slack.mention("go");
    await bot.shows("The file a.txt could not be sent");
  });

  it("wait over a restart for their turn", async () => {
    bot = await (await SlackBot.start()).ready();
    bot.slack.holdFiles = new Promise(() => undefined);
    for (let n = 0; n < 6; n++)
      bot.slack.mention(`see ${n}`, { files: [fileOf(`F${n}`, Buffer.from(`picture ${n}`))] });
    await bot.acknowledged();
    await eventually("four files", () => bot.slack.filesOpen === 4);
    await bot.stop();
    bot.slack.holdFiles = Promise.resolve();
    await bot.launch();
    for (let n = 0; n < 6; n++) await bot.shows(`you said: see ${n}`);
    expect(bot.turns.ran).to.have.length(6);
  });
});

describe("the address of a file of slack's", () => {
  it("is Slack's with TLS, or that of api_root, without TLS on this machine only", () => {
    const own = "https://slack.example/api/";
    for (const [url, root, good] of [
      ["https://files.slack.com/a", own, true],
      ["http://files.slack.com/a", own, false],
      ["https://slack.example/files/a", own, true],
      ["http://slack.example/files/a", own, false],
      ["http://slack.example/files/a", "http://slack.example/api/", false],
      ["ftp://slack.example/files/a", own, false],
      ["https://slack.example:444/files/a", own, false],
      ["https://evil.example/a", own, false],
      ["https://slack.com.evil.example/a", own, false],
      ["http://127.0.0.1:9/a", "http://127.0.0.1:9/api/", true],
      ["http://127.0.0.1:8/a", "http://127.0.0.1:9/api/", false],
      ["http://localhost:9/a", "http://localhost:9/api/", true],
      ["http://[::1]:9/a", "http://[::1]:9/api/", true],
      ["http://127.0.0.1.evil.example/a", "http://127.0.0.1.evil.example/api/", false],
      ["not a URL", own, false],
    ] as const)
      expect(isSlacks(url, root), `${url} for ${root}`).to.equal(good);
  });
});
