import { runRandomChats } from "./random-chats.js";

const REQUESTS = Number(process.env["CHATS"] ?? 1000);
const ROUNDS = 10;

describe("many random chats of clients of OpenAI", function () {
  this.timeout(0);

  it("reach the model exactly as the clients sent them, over restarts too", async function () {
    const seed = Number(process.env["CHATS_SEED"] ?? Date.now());
    const report = await runRandomChats({ seed, rounds: ROUNDS, requests: REQUESTS / ROUNDS, clients: 3 });
    if (this.test) this.test.title += `: ${JSON.stringify(report)}`;
  });
});
