import slack, { type SlackConfig } from "@claudeway/plugin-slack";
import { expect } from "chai";
import { eventually, limitSecs } from "../../e2e/poll.js";
import { createKernel, rejectionMessage } from "../../kernel/kit.js";
import { fakeOffers } from "../offers.js";
import { SlackBot, servicesOf } from "./bot-kit.js";
import { APP_TOKEN, type Behaviour, BOT_TOKEN, FakeSlack } from "./fake-slack.js";

describe("slack's connection", () => {
  let bot: SlackBot;

  afterEach(async () => {
    await bot.dispose();
  });

  it("is replaced when Slack asks for it, and when it breaks; nothing is lost, nothing done twice", async () => {
    bot = await (await SlackBot.start()).ready();
    const root = bot.slack.mention("one");
    await bot.shows("you said: one");
    for (const [index, end] of (["refresh", "cut"] as const).entries()) {
      bot.slack[end]();
      await eventually(
        "the end of the connection",
        () => !bot.slack.connected || bot.slack.connections > index + 1,
      );
      bot.slack.write(`after ${end}`, { thread: root });
      await bot.shows(`you said: after ${end}`);
      expect(bot.slack.connections).to.equal(index + 2);
    }
    await bot.acknowledged();
    expect(bot.turns.ran.map(({ prompt }) => prompt)).to.deep.equal(["one", "after refresh", "after cut"]);
  });

  it("acknowledges a repeated event, and runs its turn once, also after a restart", async () => {
    bot = await (await SlackBot.start()).ready();
    const ts = bot.slack.mention("only once");
    await bot.shows("you said: only once");
    bot.slack.mention("only once", { ts });
    await bot.acknowledged();
    await bot.stop();
    await bot.launch();
    await bot.ready();
    bot.slack.mention("only once", { ts });
    await bot.acknowledged();
    bot.slack.write("and then", { thread: ts });
    await bot.shows("you said: and then");
    expect(bot.turns.ran.map(({ prompt }) => prompt)).to.deep.equal(["only once", "and then"]);
    expect(bot.turns.ran[1]?.sessionId).to.equal(bot.turns.ran[0]?.sessionId, "the thread keeps its session");
  });

  it("leaves what was not stored unacknowledged, so that Slack delivers it again", async () => {
    bot = await SlackBot.start();
    await bot.ready();
    bot.slack.redeliverMs = 100;
    bot.slack.next("auth.test", { error: "internal_error" });
    bot.slack.mention("hello");
    bot.slack.cut();
    await bot.shows("you said: hello");
    await bot.acknowledged();
    expect(bot.turns.ran).to.have.length(1);
  });

  /** A question with these parts, shown in the thread of a new session. */
  const asked = async (...parts: readonly string[]) => {
    const root = bot.slack.mention("hi");
    await bot.shows("you said: hi");
    const [sessionId = ""] = bot.turns.sessions.keys();
    const questions = parts.map((question) => ({ question, options: [{ label: "yes", description: "" }] }));
    bot.ask({ id: "q1", kind: "question", tool: "AskUserQuestion", sessionId, input: { questions } });
    await bot.shows(parts[0] ?? "");
    return root;
  };

  it("delivers a message again whose handling failed, and it counts then", async () => {
    bot = await (await SlackBot.start()).ready();
    const thread = await asked("Which port?");
    await bot.acknowledged();
    bot.slack.redeliverMs = 100;
    const { approvalService } = bot;
    const { get } = approvalService;
    let failures = 0;
    approvalService.get = async () => {
      approvalService.get = get;
      failures++;
      throw new Error("the ledger is busy");
    };
    bot.slack.write("8080", { thread });
    await eventually("a decision", () => approvalService.approvals.get("q1")?.status === "allowed");
    await bot.acknowledged();
    expect(failures).to.equal(1);
    expect(approvalService.approvals.get("q1")?.decision?.updatedInput).to.deep.equal({
      answers: { "Which port?": "8080" },
    });
  });

  it("accepts an answer once, even if its question cannot be redrawn", async () => {
    bot = await (await SlackBot.start()).ready();
    const thread = await asked("Which port?", "Which host?");
    await bot.acknowledged();
    bot.slack.redeliverMs = 100;
    bot.slack.always.set("chat.update", { error: "not_in_channel" });
    bot.slack.write("8080", { thread });
    await eventually("a failed edit", () => bot.complaints.some((line) => line.includes("to a question")));
    await bot.acknowledged();
    expect(bot.approvalService.approvals.get("q1")?.status).to.equal("pending");
    bot.slack.always.clear();
    bot.slack.write("localhost", { thread });
    await eventually("a decision", () => bot.approvalService.approvals.get("q1")?.status === "allowed");
    expect(bot.approvalService.approvals.get("q1")?.decision?.updatedInput).to.deep.equal({
      answers: { "Which port?": "8080", "Which host?": "localhost" },
    });
  });

  it("keeps buttons and waiting messages over a restart", async () => {
    bot = await (await SlackBot.start()).ready();
    bot.turns.script = (prompt) => ({ pieces: Array(prompt === "slow" ? 300 : 1).fill("z "), everyMs: 10 });
    const root = bot.slack.mention("slow");
    await bot.shows("z z");
    bot.slack.write("waits", { thread: root });
    const [session = ""] = bot.turns.sessions.keys();
    bot.ask({ id: "a1", sessionId: session });
    const card = await bot.shows("May Claude use Bash?");
    await bot.acknowledged();
    const cards = async () => (await bot.store.list("")).entries.filter(({ key }) => key.includes("/card/"));
    await eventually("its buttons are stored", async () => (await cards()).length > 0);
    await bot.stop();
    await bot.launch();
    await bot.ready();
    bot.slack.press(card, "Approve");
    await eventually("a decision", () => bot.approvalService.approvals.get("a1")?.status === "allowed");
    await eventually("the waiting message", () => bot.turns.ran.some(({ prompt }) => prompt === "waits"));
    expect(bot.turns.ran.filter(({ prompt }) => prompt === "slow")).to.have.length(1);
  });

  for (const method of ["auth.test", "apps.connections.open", "chat.postMessage"]) {
    const troubles: readonly (readonly [string, Behaviour])[] = [
      ["500", { status: 500 }],
      ["429", { status: 429, retryAfter: 1 }],
      ["internal_error", { error: "internal_error" }],
      ["a hang", "hang"],
      ["a page", "garbage"],
      ["a cut connection", "cut"],
    ];
    for (const [what, behaviour] of troubles) {
      it(`survives ${what} at ${method}, and answers`, async () => {
        const config = behaviour === "hang" ? { timeout_secs: limitSecs(1) } : {};
        bot = await SlackBot.start(config, ({ slack: server }) => server.next(method, behaviour));
        bot.slack.mention("hello");
        await bot.shows("you said: hello");
        expect(bot.turns.ran).to.have.length(1);
      });
    }
  }

  for (const setting of ["botToken", "appToken"] as const) {
    it(`shows a refused ${setting} in the plugin list, without the secret, and recovers`, async () => {
      bot = await SlackBot.start({}, ({ slack: server }) => {
        server[setting] = "another";
      });
      await eventually("a notice", () =>
        bot.notices.find((line) => line.includes("was refused (answered invalid_auth)")),
      );
      expect(JSON.stringify([bot.running.lines, bot.running.kernel.status()])).not.to.contain("test-secret");
      bot.slack[setting] = setting === "botToken" ? BOT_TOKEN : APP_TOKEN;
      await eventually("a notice", () => bot.notices.includes("slack: @claude serves Acme"));
    });
  }

  it("shows in the plugin list that a channel refuses messages, until one succeeds", async () => {
    bot = await (await SlackBot.start()).ready();
    bot.slack.always.set("chat.postMessage", { error: "not_in_channel" });
    bot.slack.mention("hello");
    await eventually("a notice", () => bot.notices.some((line) => line.includes("not_in_channel")));
    bot.slack.always.clear();
    bot.slack.mention("again");
    await bot.shows("you said: again");
    await eventually("no notice", () => !bot.notices.some((line) => line.includes("not_in_channel")));
  });

  it("sends plain text when Slack refuses the blocks", async () => {
    bot = await (await SlackBot.start()).ready();
    bot.slack.next("chat.postMessage", { error: "invalid_blocks" });
    bot.slack.mention("&lt;b&gt;");
    expect((await bot.shows("you said: &lt;b&gt;")).blocks).to.deep.equal([]);
  });
});

describe("slack's settings", () => {
  let server: FakeSlack;

  beforeEach(async () => {
    server = await FakeSlack.start();
  });
  afterEach(() => server.close());

  const signal = new AbortController().signal;
  const section = (): SlackConfig => ({
    bot_token: BOT_TOKEN,
    app_token: APP_TOKEN,
    channels: ["C0MAIN"],
    key_id: "slack",
    model: "sonnet",
    turn_timeout_secs: 600,
    language: "en",
    transcribe_model: "whisper-1",
    edit_interval_ms: 1500,
    api_root: server.url,
    events: ["failures"],
    feeds: [],
    interval_ms: 1000,
    timeout_secs: 15,
    backlog: 10,
  });
  const check = async (config: SlackConfig) =>
    slack.check?.(config, {
      signal,
      paths: { configFile: undefined, dataDir: "/d", workdirs: "/w", configDirs: "shared" },
    });

  it("are tried by claudeway check and by the setup", async () => {
    expect(await check(section())).to.equal("@claude of Acme; Socket Mode is open");
    const terminal = { say: () => undefined, signal };
    expect(await slack.setup?.test?.(section(), terminal)).to.equal("@claude of Acme; Socket Mode is open");
    expect(slack.setup?.ask).to.include.members(["bot_token", "app_token", "allowed_users", "channels"]);
    server.appToken = "xapp-another";
    expect(await rejectionMessage(check(section()))).to.equal("app_token: Slack answered invalid_auth");
    server.botToken = "xoxb-another";
    expect(await rejectionMessage(check(section()))).to.equal("bot_token: Slack answered invalid_auth");
  });

  it("name what is missing", async () => {
    const { bot_token: _bot, ...noBot } = section();
    const { app_token: _app, ...noApp } = section();
    const { channels: _channels, ...nobody } = section();
    const refused = async (config: object) => {
      const { kernel } = createKernel();
      kernel.offer(fakeOffers(servicesOf()));
      return rejectionMessage(kernel.enable({ plugins: [slack], sections: { slack: { ...config } } }));
    };
    expect(await refused(noBot)).to.contain("plugins.slack: set bot_token too");
    expect(await refused(noApp)).to.contain("plugins.slack: set app_token too");
    expect(await refused(nobody)).to.contain("set allowed_users or channels: who may use the bot");
    expect(await refused({ ...section(), bot_token: "abc" })).to.contain("plugins.slack.bot_token");
  });
});
