import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import type { Shown } from "../telegram/bot-api.js";
import { TestBot } from "../telegram/kit.js";

describe("a question that was decided elsewhere", () => {
  let bot: TestBot;
  let shown: Shown;

  beforeEach(async () => {
    bot = await (await TestBot.start()).ready();
    const options = ["left", "right"].map((label) => ({ label, description: "" }));
    const input = { questions: [{ question: "Which way?", multiSelect: true, options }] };
    bot.ask({ id: "q1", kind: "question", tool: "AskUserQuestion", input });
    shown = await bot.shows("Which way?");
    // A tick waits to be shown.
    bot.api.next("editMessageText", { status: 429, retryAfter: 1 });
    bot.api.pressButton(shown, "left");
    await eventually("a refused edit", () => bot.api.refusedAt.length === 1);
  });
  afterEach(() => bot.dispose());

  const deny = () =>
    bot.approvalService.decide("q1", { decision: "deny" }, { channel: "dashboard", who: "admin" });
  const answerTo = (press: string) => eventually("an answer", () => bot.api.answerTo(press));

  it("accepts no tick before its message shows the decision", async () => {
    await deny();
    expect(await answerTo(bot.api.pressButton(shown, "right"))).to.contain("already decided");
    await eventually("no buttons", () => shown.buttons.length === 0);
    expect(shown.html).to.contain("Denied by admin");
  });

  it("is not shown as open by a tick that came just before", async () => {
    const { approvalService } = bot;
    const { get } = approvalService;
    let asked = false;
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    approvalService.get = async (id) => {
      const found = await get.call(approvalService, id);
      asked = true;
      await held;
      return found;
    };
    const press = bot.api.pressButton(shown, "right");
    await eventually("the press", () => asked);
    await deny();
    release();
    expect(await answerTo(press)).to.equal("Done.");
    expect(shown.buttons).to.deep.equal([]);
    expect(shown.html).to.contain("Denied by admin");
  });
});
