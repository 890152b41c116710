import { TestGateway } from "../../e2e/gateway.js";
import { BotApiServer, telegramSection } from "./bot-api.js";
import { talkInTopics } from "./topics.js";

describe("telegram, a hundred messages in ten topics at once", function () {
  this.timeout(300_000);
  let api: BotApiServer;
  let gateway: TestGateway;
  before(async () => {
    api = await BotApiServer.start();
    gateway = await TestGateway.start({ config: telegramSection(api) });
  });
  after(async () => {
    await api.close();
    await gateway.dispose();
  });

  it("keep their order and their sessions, with the real CLI", () =>
    talkInTopics(api, { topics: 10, messages: 10 }));
});
