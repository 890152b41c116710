import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { TestBot } from "../telegram/kit.js";

describe("a message that is not accepted", () => {
  let bot: TestBot;

  afterEach(() => bot.dispose());

  it("keeps nothing else from being received until its sender can be told", async () => {
    bot = await (await TestBot.start()).ready();
    bot.ask({ id: "a1" });
    const card = await bot.shows("May Claude use Bash?");
    bot.api.next("sendMessage", { status: 429, retryAfter: 5 });
    bot.api.write("x".repeat(61_000));
    await eventually("a refused message", () => bot.api.refusedAt.length === 1);
    const press = bot.api.pressButton(card, "Deny");
    await eventually("an answer to the press", () => bot.api.answerTo(press));
    expect(bot.api.find("too long"), "it waits to be sent").to.equal(undefined);
    await bot.shows("This message is too long");
    expect(bot.turns.ran).to.deep.equal([]);
  });
});
