import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { SlackBot } from "../slack/bot-kit.js";

describe("a conversation that begins anew while a turn runs", () => {
  let bot: SlackBot;
  afterEach(() => bot.dispose());

  it("shows the calls of that turn, and nowhere else, also after a restart", async () => {
    const feed = { feed_channel: "C0FEED" };
    bot = await (await SlackBot.start(feed)).ready();
    const thread = bot.slack.mention("hi");
    await bot.shows("you said: hi");
    const [sessionId = ""] = bot.turns.sessions.keys();
    bot.slack.write("!new opus", { thread });
    await bot.shows("opus");
    bot.ask({ id: "a1", sessionId, input: { command: "make one" } });
    expect(await bot.shows("make one")).to.include({ thread });
    await bot.stop();
    await bot.launch(feed);
    await bot.ready();
    bot.ask({ id: "a2", sessionId, input: { command: "make two" } });
    expect(await bot.shows("make two")).to.include({ thread });
  });

  it("can stop that turn", async () => {
    bot = await (await SlackBot.start()).ready();
    bot.turns.script = () => ({ pieces: ["never"], everyMs: 600_000 });
    const thread = bot.slack.mention("hi");
    await eventually("its turn", () => bot.turns.ran.length === 1);
    bot.slack.write("!new opus", { thread });
    await bot.shows("opus");
    bot.slack.write("!stop", { thread });
    await bot.shows("Stopped.");
  });
});
