import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { TestBot } from "./kit.js";

describe("telegram: a message whose handling fails", () => {
  let bot: TestBot;
  /** How often the question is still not to be read, and how often it could not. */
  let left: number;
  let failures: number;

  beforeEach(async () => {
    left = 0;
    failures = 0;
    bot = await (await TestBot.start()).ready();
    const { approvalService } = bot;
    const get = approvalService.get.bind(approvalService);
    approvalService.get = async (id) => {
      if (left === 0) return get(id);
      left--;
      failures++;
      throw new Error("the ledger is busy");
    };
  });
  afterEach(() => bot.dispose());

  const status = () => bot.approvalService.approvals.get("q1")?.status;

  /** Answers a question in writing, which fails so many times. */
  async function answer(times: number): Promise<void> {
    bot.api.write("hi", { thread: 7 });
    await bot.shows("you said: hi");
    const [sessionId = ""] = bot.turns.sessions.keys();
    const questions = [{ question: "Which port?", options: [{ label: "yes", description: "" }] }];
    bot.ask({ id: "q1", kind: "question", tool: "AskUserQuestion", sessionId, input: { questions } });
    const { id } = await bot.shows("Which port?");
    await bot.stored("card", 1);
    left = times;
    bot.api.write("8080", { thread: 7, replyTo: id });
    await eventually("a failure", () => failures > 0);
  }

  it("is handled again, and counts then", async () => {
    await answer(2);
    await eventually("a decision", () => status() === "allowed");
    expect(failures).to.equal(2);
    expect(bot.turns.ran).to.have.length(1);
  });

  it("is answered with the failure in the end, and holds up no other one for good", async () => {
    await answer(Infinity);
    await bot.shows("Failed: internal error; see the log");
    left = 0;
    bot.api.write("after", { thread: 8 });
    await bot.shows("you said: after");
    expect(status()).to.equal("pending");
  });

  it("is handled after a restart, where that comes first", async () => {
    await answer(Infinity);
    await bot.stop();
    left = 0;
    await bot.launch();
    await eventually("a decision", () => status() === "allowed");
  });
});
