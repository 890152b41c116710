import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { eventually, limitSecs } from "../../e2e/poll.js";
import { type Behaviour, BotApiServer, TOKEN } from "./bot-api.js";
import { TestBot } from "./kit.js";

describe("telegram's connection", () => {
  let bot: TestBot;

  afterEach(async () => {
    await bot.dispose();
  });

  for (const method of ["getMe", "getUpdates", "sendMessage"]) {
    const troubles: readonly (readonly [what: string, behaviour: Behaviour])[] = [
      ["500", { status: 500 }],
      ["502 with a page", "page"],
      ["429", { status: 429, description: "Too Many Requests", retryAfter: 1 }],
      ["a hang", "hang"],
      ["half an answer", "half"],
      ["garbage", "garbage"],
      ["a cut connection", "cut"],
    ];
    for (const [what, behaviour] of troubles) {
      // A hanging poll is abandoned ten seconds after its own timeout.
      if (method === "getUpdates" && behaviour === "hang") continue;
      it(`survives ${what} at ${method}, and answers`, async () => {
        const config = behaviour === "hang" ? { request_timeout_secs: limitSecs(0.5) } : {};
        bot = await TestBot.start(config, ({ api }) => api.next(method, behaviour));
        bot.api.write("hello", { thread: 7 });
        await bot.shows("you said: hello");
        expect(bot.turns.ran).to.have.length(1);
      });
    }
  }

  it("serves the chat without its menu of commands when Telegram refuses that", async () => {
    bot = await TestBot.start({}, ({ api }) => {
      api.always.set("setMyCommands", { status: 400, description: "Bad Request: BOT_COMMAND_INVALID" });
    });
    bot.api.write("hello", { thread: 7 });
    await bot.shows("you said: hello");
    expect(bot.complaints.join()).to.include("could not set the menu of commands");
  });

  it("abandons a poll that hangs", async () => {
    bot = await TestBot.start({ poll_timeout_secs: 1 }, ({ api }) => api.next("getUpdates", "hang"));
    bot.api.write("hello", { thread: 7 });
    await bot.shows("you said: hello");
  });

  it("shows a refused token in the plugin list, without the secret, and recovers with a valid one", async () => {
    bot = await TestBot.start({}, ({ api }) => {
      api.token = "123456:another";
    });
    const notice = await eventually("a notice", () => bot.notices.find((line) => line.includes("bot_token")));
    expect(notice).to.equal(
      "telegram: bot_token was refused (answered 401 Unauthorized); get a new one from @BotFather",
    );
    expect(bot.running.kernel.status()[0]?.state).to.equal("on");
    bot.api.token = TOKEN;
    await eventually("a word of success", () =>
      bot.notices.some((line) => line.includes("@claude_test_bot serves")),
    );
    expect(bot.notices.some((line) => line.includes("refused"))).to.equal(false);
    expect(JSON.stringify([bot.running.kernel.status(), bot.running.lines])).not.to.contain("test-token");
  });

  it("reports another polling program, waits, and continues when it ends", async () => {
    bot = await (await TestBot.start()).ready();
    bot.api.always.set("getUpdates", {
      status: 409,
      description: "Conflict: terminated by other getUpdates request",
    });
    bot.api.write("hello", { thread: 7 });
    await bot.shows("you said: hello");
    await eventually("a notice", () => bot.notices.some((line) => line.includes("another program polls")));
    const before = bot.api.count("getUpdates");
    await sleep(1000);
    expect(bot.api.count("getUpdates") - before).to.be.below(4);
    bot.api.always.clear();
    bot.api.write("after", { thread: 7 });
    await bot.shows("you said: after");
  });

  it("does not poll in a tight loop when polls return at once", async () => {
    bot = await (await TestBot.start()).ready();
    bot.api.always.set("getUpdates", "nothing");
    bot.api.write("hello", { thread: 7 });
    await bot.shows("you said: hello");
    const before = bot.api.count("getUpdates");
    await sleep(1500);
    expect(bot.api.count("getUpdates") - before).to.be.below(4);
    bot.api.always.clear();
    bot.api.write("after", { thread: 7 });
    await bot.shows("you said: after");
  });

  it("supports a server below a path, and follows no redirect", async () => {
    const elsewhere = await BotApiServer.start();
    const root = "/telegram/api";
    bot = await TestBot.start({}, ({ api }) => {
      api.root = root;
      api.next("sendMessage", { status: 307, location: `${elsewhere.url}/bot${TOKEN}/sendMessage` });
    });
    bot.api.write("hello", { thread: 7 });
    const shown = bot.shows("you said: hello").finally(() => elsewhere.close());
    expect((await shown).thread).to.equal(7);
    expect(elsewhere.calls).to.deep.equal([]);
  });

  it("reports a missing chat", async () => {
    bot = await TestBot.start({ chat_id: "-100777" });
    const notice = await eventually("a notice", () => bot.notices.find((line) => line.includes("-100777")));
    expect(notice).to.contain("chat not found").and.contain("chat_id is right");
  });

  it("starts without Telegram, does not disturb the gateway, and connects later", async () => {
    bot = await TestBot.start({}, ({ api }) => api.always.set("*", "cut"));
    expect(bot.running.kernel.status()[0]).to.include({ state: "on", lastError: null });
    await eventually("a notice", () => bot.notices.some((line) => line.includes("cannot use Telegram")));
    const approval = bot.ask();
    bot.api.always.clear();
    await bot.shows("May Claude use Bash?");
    expect(bot.api.shown.filter(({ html }) => html.includes(approval.tool))).to.have.length(1);
    expect(bot.complaints.length).to.be.below(5);
  });

  it("resends after a lost response, and never runs a turn again", async () => {
    bot = await (await TestBot.start()).ready();
    bot.api.next("sendMessage", "done, cut");
    bot.api.write("hello", { thread: 7 });
    await eventually("both", () => bot.api.texts(7).length === 2);
    expect(bot.turns.ran).to.have.length(1);
  });

  it("falls back to plain text when Telegram refuses the markup", async () => {
    bot = await (await TestBot.start()).ready();
    bot.turns.script = () => ({ pieces: ["**a** & <b>"] });
    bot.api.next("sendMessage", { status: 400, description: "Bad Request: can't parse entities: whatever" });
    bot.api.write("hello", { thread: 7 });
    const shown = await bot.shows("a &");
    expect(shown.html).to.equal("a & <b>");
  });

  it("ends everything that it started at once when it is switched off", async () => {
    bot = await (await TestBot.start({ poll_timeout_secs: 50 })).ready();
    bot.turns.script = () => ({ pieces: Array(5000).fill("z "), everyMs: 20 });
    bot.api.write("slow", { thread: 7 });
    await bot.shows("z");
    bot.api.always.set("editMessageText", "hang");
    await sleep(100);
    const began = performance.now();
    await bot.running.kernel.disable("telegram");
    // Far less than what is left of the poll, and of the turn.
    expect(performance.now() - began).to.be.below(20_000);
    await eventually("no poll", () => !bot.api.polled);
    const before = bot.api.calls.length;
    await sleep(300);
    expect(bot.api.calls.length).to.equal(before);
    expect(bot.complaints.filter((line) => !line.includes("allowed_users"))).to.deep.equal([]);
  });

  it("ends its poll before it starts another after a reconfiguration", async () => {
    bot = await (await TestBot.start()).ready();
    const section = { bot_token: TOKEN, chat_id: "-1001234567890", api_root: bot.api.url, language: "tr" };
    await bot.running.kernel.reconfigure("telegram", section);
    await eventually("a poll", () => bot.api.polled);
    bot.api.write("/help", { thread: 7 });
    await bot.shows("bu oturumu sil");
    expect(bot.notices.some((line) => line.includes("another program polls"))).to.equal(false);
  });

  it("accepts the section of the previous version, and refuses invalid ones", async () => {
    bot = await TestBot.start();
    const check = (section: object) =>
      bot.running.kernel.reconfigure("telegram", { ...section }).then(
        () => "taken",
        (error: unknown) => String(error),
      );
    expect(await check({ enabled: true, bot_token: "123456:ABC-DEF", chat_id: "-1001234567890" })).to.equal(
      "taken",
    );
    expect(await check({ bot_token: "nonsense", chat_id: "1" })).to.contain("plugins.telegram.bot_token");
    expect(await check({ bot_token: "1:a", chat_id: "1", api_root: "http://" })).to.contain("api_root");
    expect(await check({ bot_token: "1:a", chat_id: "1", api_root: "http://a:99999" })).to.contain(
      "api_root",
    );
    expect(await check({ bot_token: "1:a" })).to.contain("chat_id");
    expect(await check({ bot_token: "1:a", chat_id: "1", langauge: "tr" })).to.contain("language");
  });
});
