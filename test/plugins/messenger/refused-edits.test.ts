import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { outcomeOf, turnOf } from "../offers.js";
import { SlackBot } from "../slack/bot-kit.js";
import { ADA, labels } from "../slack/fake-slack.js";

describe("a press that counts where Slack does not let its message be changed", () => {
  let bot: SlackBot;

  beforeEach(async () => {
    bot = await (await SlackBot.start({ feed_channel: "C0FEED", events: ["budgets"] })).ready();
  });
  afterEach(() => bot.dispose());

  const pressApprove = async (part: string) => {
    const card = await bot.shows(part);
    bot.slack.always.set("chat.update", { error: "not_in_channel" });
    bot.slack.press(card, "Approve");
    await eventually("an edit", () => bot.slack.calls.includes("chat.update"));
    expect(labels(card)).to.contain("✅ Approve", "it could not be changed");
    bot.slack.press(card, "Approve");
    await eventually("an answer to the second press", () => bot.slack.shown.find(({ to }) => to === ADA));
    await bot.acknowledged();
    expect(bot.slack.find("Not possible")).to.equal(undefined);
  };

  it("decides on a call, and is not said to have failed", async () => {
    bot.ask({ id: "a1" });
    await pressApprove("May Claude use Bash?");
    expect(bot.approvalService.approvals.get("a1")?.status).to.equal("allowed");
  });

  it("runs denied calls once", async () => {
    const denial = { tool_name: "Bash", tool_use_id: "toolu_1", tool_input: { command: "rm -rf build" } };
    const outcome = outcomeOf({}, { permission_denials: [denial] });
    bot.turns.responses.set(turnOf().id, outcome.response);
    bot.turns.script = () => ({ response: { approved: [{ tool_use_id: "toolu_1", ran: false }] } });
    bot.running.kernel.notify("afterExecute", turnOf(), outcome);
    await pressApprove("Tool calls denied: 1");
    expect(bot.turns.approved).to.deep.equal([["toolu_1"]]);
  });
});
