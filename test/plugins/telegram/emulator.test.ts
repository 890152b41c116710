import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { expect } from "chai";
import { TelegramServer } from "telegram-test-api/lib/telegramServer.js";
import { eventually } from "../../e2e/poll.js";
import { freePort } from "../../free-port.js";
import { TOKEN } from "./bot-api.js";
import { TestBot } from "./kit.js";

/** Methods that the bot uses and the emulator lacks. Without getChat the bot does not start, so a proxy answers it. */
const LACKING = [
  "getChat",
  "setMyCommands",
  "sendChatAction",
  "sendDocument",
  "getFile",
  "createForumTopic",
  "closeForumTopic",
];
const USED = [
  "getMe",
  "deleteWebhook",
  "getUpdates",
  "sendMessage",
  "editMessageText",
  "deleteMessage",
  "answerCallbackQuery",
];
const CHAT = 42;

/** The bot against an emulator of the Bot API by a third party, telegram-test-api. */
describe("telegram against telegram-test-api", () => {
  let server: TelegramServer;
  let proxy: Server;
  let root: string;
  let bot: TestBot;

  before(async () => {
    server = new TelegramServer({ port: await freePort(), host: "127.0.0.1" });
    await server.start();
    proxy = withGetChat(server.config.apiURL);
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const address = proxy.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    root = `http://127.0.0.1:${address.port}`;
    bot = await TestBot.start({ api_root: root, chat_id: String(CHAT), allowed_users: [7] });
    await eventually("a connection", () =>
      bot.notices.some((line) => line.includes("@TestNameBot serves Emulated")),
    );
  });
  after(async () => {
    await bot.dispose();
    proxy.closeAllConnections();
    proxy.close();
    await server.stop();
  });

  const person = () => server.getClient(TOKEN, { chatId: CHAT, userId: 7, firstName: "Ada" });
  /** What the bot has written, the latest last. */
  const written = () => server.storage.botMessages.filter(({ botToken }) => botToken === TOKEN);
  const shows = (part: string) =>
    eventually(`a message with ${part}`, () =>
      written().findLast(({ message }) => message.text.includes(part)),
    );

  it("answers, and lets the answer grow by edits", async () => {
    bot.turns.script = () => ({ pieces: Array.from({ length: 40 }, (_, n) => `w${n} `), everyMs: 20 });
    await person().sendMessage(person().makeMessage("hello"));
    const growing = await shows("w1 ");
    await shows("w39");
    expect(written().filter(({ message }) => message.text.includes("w1 "))).to.have.length(1);
    expect(growing.message.chat_id).to.equal(String(CHAT));
    expect(bot.turns.ran.map(({ prompt }) => prompt)).to.deep.equal(["hello"]);
  });

  it("decides on a call by a press", async () => {
    bot.ask({ id: "a1" });
    const card = await shows("May Claude use Bash?");
    const buttons = JSON.stringify(card.message.reply_markup);
    const [, data = ""] = /"callback_data":"([^"]+:a)"/.exec(buttons) ?? [];
    const press = person().makeCallbackQuery(data, { message: { message_id: card.messageId } });
    await person().sendCallback(press);
    await eventually("a decision", () => bot.approvalService.approvals.get("a1")?.status === "allowed");
    await shows("Approved by Ada (@testUserName)");
  });

  it("has every method that the bot needs, except those listed here", async () => {
    const supported = async (method: string): Promise<boolean> => {
      const payload = { chat_id: CHAT, message_id: 1, text: "x" };
      const answer = await fetch(`${server.config.apiURL}/bot${TOKEN}/${method}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(payload),
      });
      return !(await answer.text()).includes("is not supported");
    };
    const all = [...USED, ...LACKING];
    const found = await Promise.all(all.map(supported));
    expect(all.filter((_, index) => found[index] === false)).to.deep.equal(LACKING);
  });
});

/** Passes everything on, and answers what the emulator lacks and the bot cannot do without. */
function withGetChat(target: string): Server {
  return createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    response.setHeader("content-type", "application/json");
    if (request.url?.endsWith("/getChat") === true) {
      return void response.end(
        JSON.stringify({ ok: true, result: { id: CHAT, type: "private", title: "Emulated" } }),
      );
    }
    const headers = { "content-type": request.headers["content-type"] ?? "application/json" };
    const answer = await fetch(target + request.url, {
      method: "POST",
      headers,
      body: Buffer.concat(chunks),
    });
    response.writeHead(answer.status).end(await answer.text());
  });
}

/** The emulator takes no 0. */
