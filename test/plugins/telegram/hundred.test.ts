import { TestGateway } from "../../e2e/gateway.js";
import { BotApiServer, CHAT_ID, TOKEN } from "./bot-api.js";
import { talkInTopics } from "./topics.js";

describe("telegram, a hundred messages in ten topics at once", function () {
  this.timeout(300_000);
  let api: BotApiServer;
  let gateway: TestGateway;
  before(async () => {
    api = await BotApiServer.start();
    const section = `bot_token = "${TOKEN}"\nchat_id = "${CHAT_ID}"\napi_root = "${api.url}"\nallowed_users = [1001]\n`;
    gateway = await TestGateway.start({ config: `[plugins.telegram]\nenabled = true\n${section}` });
  });
  after(async () => {
    await api.close();
    await gateway.dispose();
  });

  it("keep their order and their sessions, with the real CLI", () =>
    talkInTopics(api, { topics: 10, messages: 10 }));
});
