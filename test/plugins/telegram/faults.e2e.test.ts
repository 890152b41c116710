import { expect } from "chai";
import { TestGateway } from "../../e2e/gateway.js";
import { eventually, limitSecs } from "../../e2e/poll.js";
import { SlackServer } from "../slack/slack-server.js";
import { type Behaviour, BotApiServer, CHAT_ID, TOKEN, telegramSection } from "./bot-api.js";

/** The real command and the real CLI, a scripted model, and both services on loopback, failing. */
describe("a gateway whose channels fail", () => {
  let api: BotApiServer;
  let slack: SlackServer;
  let gateway: TestGateway;
  /** Milliseconds of each turn over HTTP, and what went wrong with one. */
  const turns: { ms: number; problem: string | undefined }[] = [];
  let beside: Promise<void>;
  let over = false;

  before(async () => {
    api = await BotApiServer.start();
    slack = await SlackServer.start();
    gateway = await TestGateway.start({ args: ["--enable-plugin", "dashboard"], config: config() });
    beside = turnsBeside();
  });

  after(async () => {
    over = true;
    await beside;
    await Promise.allSettled([api.close(), slack.close()]);
    await gateway.dispose();
  });

  function config(): string {
    return `${telegramSection(
      api,
      `events = ["failures"]\npoll_timeout_secs = 2\nrequest_timeout_secs = ${limitSecs(0.5)}\nedit_interval_ms = 100\n`,
    )}
[plugins.slack]
enabled = true
webhook_url = "${slack.url()}"
interval_ms = 50
timeout_secs = ${limitSecs(0.5)}
`;
  }

  /** Runs turns of a session over HTTP in sequence, for as long as the channels fail. */
  async function turnsBeside(): Promise<void> {
    const { body } = await gateway.request<{ session_id: string }>("/session/start", { body: {} });
    while (!over) {
      const [started, say] = [performance.now(), `[[say beside ${turns.length}]]`];
      const problem = await gateway
        .request(`/session/${body.session_id}`, { body: { prompt: say } })
        .then(({ status, body: { result } }) =>
          status === 200 && result === `beside ${turns.length}` ? undefined : `${status} ${String(result)}`,
        )
        .catch((error: unknown) => String(error));
      turns.push({ ms: performance.now() - started, problem });
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }

  /** A plugin's notices in the plugin list. */
  async function listed(name: string): Promise<{ state: string; notices: string }> {
    const { body } = await gateway.request<{ plugins: { name: string; state: string }[] }>("/admin/plugins");
    const plugin = body.plugins.find((one) => one.name === name);
    return { state: plugin?.state ?? "", notices: JSON.stringify(plugin) };
  }

  async function says(name: string, words: RegExp): Promise<void> {
    await eventually(`the plugin list: ${words}`, async () => words.test((await listed(name)).notices));
    expect((await listed(name)).state).to.equal("on");
  }

  const FAULTS: readonly (readonly [string, Behaviour])[] = [
    ["500", { status: 500 }],
    ["429 with retry_after", { status: 429, description: "Too Many Requests", retryAfter: 1 }],
    ["a hang", "hang"],
    ["half an answer", "half"],
    ["garbage", "garbage"],
    ["a page of another", "page"],
    ["a cut connection", "cut"],
  ];
  for (const [what, behaviour] of FAULTS) {
    it(`delivers the message and runs the turn once when Telegram answers with ${what}`, async () => {
      const word = `through-${what.replace(/\W+/g, "-")}`;
      api.next("sendMessage", behaviour);
      // A hanging poll is abandoned ten seconds after its own timeout.
      if (behaviour !== "hang") api.next("getUpdates", behaviour);
      api.write(`[[say ${word}]]`, { thread: 7 });
      await eventually(word, () => api.find(word));
      expect(gateway.model.requests().filter(({ prompt }) => prompt.includes(word))).to.have.length(1);
    });
  }

  it("lists a 409 (another poller) or 401 (refused token), and recovers", async () => {
    api.always.set("getUpdates", {
      status: 409,
      description: "Conflict: terminated by other getUpdates request",
    });
    await says("telegram", /another program polls/);
    api.always.clear();
    api.token = "123456:another";
    await says("telegram", /bot_token was refused/);
    api.token = TOKEN;
    api.write("[[say back again]]", { thread: 8 });
    await eventually("the answer", () => api.find("back again"));
  });

  it("runs one turn for an update that is delivered twice", async () => {
    const update = {
      message: {
        message_id: 77,
        date: 1_900_000_000,
        from: { id: 1001, is_bot: false, first_name: "Ada" },
        chat: { id: CHAT_ID, type: "supergroup", title: "Claude", is_forum: true },
        text: "[[say only-once]]",
        message_thread_id: 7,
        is_topic_message: true,
      },
    };
    api.push(update, 400_000);
    await eventually("the answer", () => api.find("only-once"));
    api.push(update, 400_000);
    api.push(
      { ...update, message: { ...update.message, message_id: 78, text: "[[say and-then]]" } },
      400_001,
    );
    await eventually("the next answer", () => api.find("and-then"));
    expect(gateway.model.requests().filter(({ prompt }) => prompt.includes("only-once"))).to.have.length(1);
  });

  it("delivers all events to Slack through 500, 429, hangs, partial and cut responses", async () => {
    slack.next({ status: 500 }, { status: 429, retryAfter: 1 }, "hang", "half", "cut");
    const [attempts, posted] = [slack.attempts, slack.posted.length];
    const { status } = await gateway.request("/task", { body: { prompt: "[[say for the feed]]" } });
    expect(status).to.equal(200);
    await eventually("the retries", () => slack.attempts >= attempts + 6);
    await eventually("what was held back", () => slack.posted.length > posted);
    expect(gateway.stderr).not.to.contain("events dropped");
    expect((await listed("slack")).state).to.equal("on");
  });

  it("lists an outage of Slack, and recovers", async () => {
    slack.always = { status: 500 };
    await says("slack", /slack: /);
    slack.always = undefined;
    const posted = slack.posted.length;
    await eventually("posts again", () => slack.posted.length > posted);
  });

  it("never affects turns over HTTP", () => {
    expect(turns.length).to.be.greaterThan(5);
    expect(turns.filter(({ problem }) => problem !== undefined)).to.deep.equal([]);
    expect(gateway.stdout + gateway.stderr).not.to.contain("test-token");
    expect(gateway.stderr).not.to.match(/"level":"(error|fatal)"/);
  });
});
