import { expect } from "chai";
import { runRandomChats } from "./random-chats.js";

describe("random chats of clients of OpenAI", () => {
  it("reach the model exactly as the clients sent them, over restarts too", async function () {
    const report = await runRandomChats({ seed: 7, rounds: 3, requests: 10, clients: 2 });
    if (this.test) this.test.title += `: ${JSON.stringify(report)}`;
    expect(Object.keys(report.counts)).to.include.members(["live", "forked", "seeded", "new"]);
  });
});
