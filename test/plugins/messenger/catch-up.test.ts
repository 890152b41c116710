import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { SlackBot } from "../slack/bot-kit.js";
import { ADA, CHANNEL, type Shown } from "../slack/fake-slack.js";

const OTHER = "C0OTHER";
const FEED = "C0FEED";
const DIRECT = "D0ADA";
const CHANNELS = { channels: [CHANNEL, OTHER] };

/** In Slack, where the bot may be removed from one channel of several. */
describe("what a bot catches up with", () => {
  let bot: SlackBot;

  afterEach(() => bot.dispose());

  /** A session in each of two channels. */
  const sessionsIn = async (config: object = CHANNELS): Promise<readonly [string, string]> => {
    bot = await (await SlackBot.start(config)).ready();
    for (const channel of [CHANNEL, OTHER]) {
      bot.slack.mention(`hi ${channel}`, { channel });
      await bot.shows(`you said: hi ${channel}`);
    }
    const [one = "", other = ""] = bot.turns.sessions.keys();
    return [one, other];
  };
  const cards = async () => (await bot.store.list("")).entries.filter(({ key }) => key.includes("/card/"));
  const failed = (count: number) =>
    eventually("a complaint", () => bot.complaints.join().split("asking failed").length > count);
  const hasButtons = ({ blocks }: Shown) => blocks.some(({ type }) => type === "actions");

  it("includes each request, though the channel of an older one refuses it", async () => {
    const [one, other] = await sessionsIn();
    await bot.stop();
    bot.ask({ id: "a1", sessionId: one, tool: "Write" });
    bot.ask({ id: "a2", sessionId: other });
    bot.slack.left.add(CHANNEL);
    await bot.launch(CHANNELS);
    expect(await bot.shows("May Claude use Bash?")).to.include({ channel: OTHER });
    expect(bot.complaints.join()).to.contain("asking failed");
    await bot.stop();
    bot.slack.left.clear();
    await bot.launch(CHANNELS);
    expect(await bot.shows("May Claude use Write?")).to.include({ channel: CHANNEL });
  });

  it("comes to the channel of the feed where the session's channel refuses it", async () => {
    const config = { ...CHANNELS, feed_channel: FEED, events: ["budgets"] };
    const [sessionId] = await sessionsIn(config);
    bot.slack.left.add(CHANNEL);
    bot.ask({ id: "a1", sessionId });
    const card = await bot.shows("May Claude use Bash?");
    expect(card).to.include({ channel: FEED, thread: undefined });
    expect(bot.notices.join(), "until that channel accepts one").to.contain(
      `channel ${CHANNEL} refused a message`,
    );
    bot.slack.press(card, "Deny");
    await eventually("a decision", () => bot.approvalService.approvals.get("a1")?.status === "denied");
  });

  it("shows what one conversation refuses in no other, unless the bot was removed from a channel", async () => {
    const config = { ...CHANNELS, allowed_users: [ADA], feed_channel: FEED, events: ["budgets"] };
    const [inChannel] = await sessionsIn(config);
    bot.slack.mention("hi there", { channel: DIRECT });
    await bot.shows("you said: hi there");
    const inDirect = [...bot.turns.sessions.keys()].at(-1) ?? "";
    bot.slack.left.add(DIRECT);
    bot.ask({ id: "a1", sessionId: inDirect });
    await failed(1);
    bot.slack.next("chat.postMessage", { error: "msg_too_long" });
    bot.ask({ id: "a2", sessionId: inChannel });
    await failed(2);
    expect(bot.notices.join()).to.contain(`channel ${CHANNEL} refused a message`);
    expect(bot.slack.shown.filter(({ channel }) => channel === FEED)).to.deep.equal([]);
  });

  it("includes each decision, and no decision again that a channel does not let it show", async () => {
    const [one, other] = await sessionsIn();
    bot.ask({ id: "a1", sessionId: one, tool: "Write" });
    await bot.shows("May Claude use Write?");
    bot.ask({ id: "a2", sessionId: other });
    const second = await bot.shows("May Claude use Bash?");
    await eventually("two cards", async () => (await cards()).length === 2);
    await bot.stop();
    for (const id of ["a1", "a2"]) {
      const decider = { channel: "dashboard", who: "admin" };
      await bot.approvalService.decide(id, { decision: "deny" }, decider);
    }
    bot.slack.left.add(CHANNEL);
    await bot.launch(CHANNELS);
    await eventually("no buttons", () => !hasButtons(second));
    await eventually("no cards", async () => (await cards()).length === 0);
  });

  it("includes each answer of a parked turn, though the channel of an older one refuses it", async () => {
    bot = await (await SlackBot.start(CHANNELS)).ready();
    bot.turns.script = (prompt) => ({
      response: { success: false, pending_approval: { id: prompt } as never },
    });
    for (const channel of [CHANNEL, OTHER]) {
      bot.ask({ id: channel, sessionId: "elsewhere" });
      bot.slack.mention(channel, { channel });
      await eventually("a notice", () =>
        bot.slack.shown.find(
          (one) => one.channel === channel && JSON.stringify(one).includes("Waiting for a"),
        ),
      );
      await eventually("the notice is stored", async () => {
        const { entries } = await bot.store.list("");
        return entries.some(({ value }) => JSON.stringify(value).includes(`"approvalId":"${channel}"`));
      });
    }
    await bot.stop();
    for (const [turnId, response] of bot.turns.responses) {
      const { pending_approval: pending, ...rest } = response;
      const approval = bot.approvalService.approvals.get(pending?.id ?? "");
      if (approval !== undefined)
        bot.approvalService.approvals.set(approval.id, { ...approval, turnId, status: "expired" });
      bot.turns.responses.set(turnId, { ...rest, success: true, result: `done in ${approval?.id}` });
    }
    bot.slack.left.add(CHANNEL);
    await bot.launch(CHANNELS);
    expect(await bot.shows(`done in ${OTHER}`)).to.include({ channel: OTHER });
    await eventually("nothing parked", async () => {
      const { entries } = await bot.store.list("");
      return !entries.some(({ key }) => key.includes("/parked/"));
    });
  });
});
