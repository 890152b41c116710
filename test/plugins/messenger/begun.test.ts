import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { TestBot } from "../telegram/kit.js";

describe("a message whose beginning can't be stored", () => {
  let bot: TestBot;

  afterEach(() => bot.dispose());

  it("is refused: after a kill, it would run, and cost, a second time", async () => {
    bot = await (
      await TestBot.start({}, (one) => {
        const { store } = one;
        one.store = {
          ...store,
          write: async (changes) => {
            if (JSON.stringify(changes).includes('"begun":true')) throw new Error("the ledger is away");
            return store.write(changes);
          },
        };
      })
    ).ready();
    bot.api.write("hello", { thread: 7 });
    await bot.shows("Failed: internal error");
    await sleep(100);
    expect(bot.turns.ran).to.deep.equal([]);
  });
});
