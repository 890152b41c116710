import telegram from "@claudeway/plugin-telegram";
import { expect } from "chai";
import { check } from "#plugins/telegram/setup.js";
import { eventually } from "../../e2e/poll.js";
import { rejectionMessage } from "../../kernel/kit.js";
import { BotApiServer, CHAT_ID, TOKEN } from "./bot-api.js";

describe("telegram's setup", () => {
  let server: BotApiServer;
  let said: string[];
  let abort: AbortController;

  beforeEach(async () => {
    server = await BotApiServer.start();
    said = [];
    abort = new AbortController();
  });
  afterEach(async () => {
    abort.abort();
    await server.close();
  });

  const terminal = () => ({ say: (line: string) => void said.push(line), signal: abort.signal });
  const given = () => ({ bot_token: TOKEN, api_root: server.url });
  const find = () =>
    telegram.setup?.find?.("chat_id", given(), terminal()) ?? Promise.reject(new Error("no find"));

  it("finds the chat through a message in it, and acknowledges the update", async () => {
    const chat = find();
    await eventually("a poll", () => server.polled);
    expect(said[0]).to.contain("send a message to @");
    server.write("hello");
    expect(await chat).to.equal(String(CHAT_ID));
    expect(said[1]).to.equal(`Found: Claude (${CHAT_ID}), written by Ada, user id 1001`);
    const calls = server.count("getUpdates");
    expect(calls).to.equal(2);
  });

  it("asks who may use the bot", () => {
    expect(telegram.setup?.ask).to.deep.equal(["allowed_users"]);
  });

  it("is tried by claudeway check, without a poll", async () => {
    const section = { ...given(), chat_id: String(CHAT_ID) };
    const tried = (config: typeof section) => check(config, { signal: abort.signal });
    expect(await tried(section)).to.equal("@claude_test_bot is in the chat");
    expect(server.calls).to.deep.equal(["getMe", "getChat"]);
    expect(await rejectionMessage(tried({ ...section, chat_id: "-5" }))).to.contain("chat not found");
  });

  it("finds only the chat", async () => {
    expect(await telegram.setup?.find?.("bot_token", given(), terminal())).to.equal(undefined);
    expect(server.calls).to.deep.equal([]);
  });

  it("reports a wrong token without repeating it", async () => {
    server.token = "1:another";
    const message = await rejectionMessage(find());
    expect(message).to.contain("401").and.not.contain(TOKEN);
  });

  it("names the host that does not answer, and why", async () => {
    const config = { ...given(), chat_id: "1", api_root: "http://127.0.0.1:2" };
    const message = await rejectionMessage(check(config, { signal: abort.signal }));
    expect(message).to.equal("no response from 127.0.0.1:2 (ECONNREFUSED)");
    server.always.set("getMe", "page");
    expect(await rejectionMessage(find())).to.equal(
      `an unexpected response from ${new URL(server.url).host}`,
    );
  });

  it("ends when the setup is aborted", async () => {
    const chat = find();
    await eventually("a poll", () => server.polled);
    abort.abort();
    await rejectionMessage(chat);
  });
});
