import type { Approval, ListenAddress } from "@claudeway/core";
import slack, { type SlackConfig } from "@claudeway/plugin-slack";
import { expect } from "chai";
import type { PluginServices } from "#kernel/capabilities.js";
import { eventually, limitSecs } from "../../e2e/poll.js";
import { createKernel, pause, rejectionMessage, type TestKernel } from "../../kernel/kit.js";
import { memoryStore } from "../memory-store.js";
import { approvalOf, fakeOffers, outcomeOf, turnOf } from "../offers.js";
import { ScriptedTurns } from "../telegram/scripted-turns.js";
import { type Payload, SlackServer } from "./slack-server.js";

const INTERVAL_MS = 30;
const ADDRESS: ListenAddress = { host: "127.0.0.1", port: 1, url: "http://127.0.0.1:1" };

describe("slack", () => {
  let server: SlackServer;
  let running: TestKernel;
  let publicUrl: string | undefined;
  let offers: Partial<PluginServices>;
  /** Approvals that wait in the ledger. */
  let pending: readonly Approval[];
  let noted: () => Promise<number>;
  let listens: ListenAddress | undefined;

  beforeEach(async () => {
    pending = [];
    listens = ADDRESS;
    server = await SlackServer.start();
    publicUrl = undefined;
    running = createKernel({ limits: { applyMs: 5000, tapMs: 5000, disposeMs: 5000, closingMs: 5000 } });
    const store = memoryStore();
    noted = async () => (await store.list("posted/")).entries.length;
    offers = {
      store: () => store,
      get turns() {
        return new ScriptedTurns().runner;
      },
      get control(): PluginServices["control"] {
        const address = () => listens;
        return { address, publicUrl: () => publicUrl } as PluginServices["control"];
      },
      get keys(): PluginServices["keys"] {
        return { describe: async () => ({}) } as unknown as PluginServices["keys"];
      },
      get approvals(): PluginServices["approvals"] {
        return {
          link: async (id: string) => `/approvals/page/${id}?sig=abc`,
          get: async (id: string) => pending.find((one) => one.id === id),
          list: async () => ({ approvals: pending, total: pending.length }),
        } as unknown as PluginServices["approvals"];
      },
    };
    running.kernel.offer(fakeOffers(offers));
  });

  afterEach(async () => {
    await running.kernel.close();
    await server.close();
  });

  async function start(config: Partial<SlackConfig> = {}): Promise<void> {
    const section = { webhook_url: server.url(), interval_ms: INTERVAL_MS, timeout_secs: 15, ...config };
    await running.kernel.enable({ plugins: [slack], sections: { slack: { ...section } } });
  }

  const { emit } = {
    emit: {
      finished: (more = {}, response = {}) =>
        running.kernel.notify("afterExecute", turnOf(), outcomeOf(more, response)),
      asked: (more: Partial<Approval> = {}) => running.kernel.notify("approvalRequested", approvalOf(more)),
      decided: (more: Partial<Approval> = {}) => running.kernel.notify("approvalDecided", approvalOf(more)),
    },
  };

  const arrived = (count: number) =>
    eventually(`${count} messages`, () => server.posted.length >= count && server.posted);

  it("posts a finished request with key, model, time, money and session", async () => {
    await start();
    emit.finished();
    const [posted] = await arrived(1);
    expect(posted?.path).to.equal("/services/T000/B000/secret");
    const text = textOf(posted?.payload);
    for (const part of [
      "Request finished",
      "alice",
      "claude-sonnet-5",
      "3.2 s",
      "$0.0123",
      "120 in, 45 out",
    ]) {
      expect(text).to.contain(part);
    }
    expect(text).not.to.contain("done", "results stay out of the channel");
  });

  it("posts failures with their reason, sessions, and internal errors", async () => {
    await start({ interval_ms: 10 });
    emit.finished({ end: "timeout" }, { success: false, error: "ran past 120 s" });
    await arrived(1);
    running.kernel.notify("sessionStart", { id: "s1", keyId: "alice", model: "opus", workdir: "/w" });
    await arrived(2);
    running.kernel.notify("requestCompleted", {
      id: "r1",
      method: "POST",
      path: "/task",
      status: 500,
      durationMs: 1,
      keyId: null,
    });
    await arrived(3);
    const texts = server.posted.map(({ payload }) => textOf(payload));
    expect(texts[0]).to.contain("timed out").and.contain("ran past 120 s");
    expect(texts[1]).to.contain("Session started").and.contain("opus");
    expect(texts[2]).to.contain("POST /task");
  });

  it("posts a budget that is nearly used up, in the feeds of its key", async () => {
    const other = { webhook_url: server.url("/services/T/B/other"), key_ids: ["bob"] };
    await start({ feeds: [other] });
    running.kernel.notify("budgetWarning", {
      budget: "monthly",
      subject: "key:alice",
      window: "month",
      limitUsd: 50,
      spentUsd: 40.123,
      share: 0.8,
      resetsAt: "2030-02-01T00:00:00.000Z",
    });
    const [posted] = await arrived(1);
    const text = textOf(posted?.payload);
    for (const part of ["80% of a budget", "key:alice", "monthly", "$40.12 of $50.00", "2030-02-01"])
      expect(text).to.contain(part);
    await pause(INTERVAL_MS * 3);
    expect(server.posted).to.have.length(1);
  });

  it("filters events per feed", async () => {
    await start({
      events: ["failures"],
      feeds: [
        {
          webhook_url: server.url("/services/T/all/x"),
          events: ["requests", "failures"],
          key_ids: ["alice"],
        },
        { webhook_url: server.url("/services/T/bob/x"), events: ["requests"], key_ids: ["bob"] },
      ],
    });
    emit.finished();
    emit.finished({ end: "failed" }, { success: false, error: "broke" });
    await arrived(2);
    await pause(3 * INTERVAL_MS);
    expect(server.posted.map(({ path }) => path).sort()).to.deep.equal([
      "/services/T/all/x",
      "/services/T000/B000/secret",
    ]);
    expect(textOf(server.posted.find(({ path }) => path.includes("all"))?.payload)).to.contain("2 events");
  });

  it("links the signed page with a button, or names alternatives if there is no public URL", async () => {
    await start();
    emit.asked();
    await arrived(1);
    publicUrl = "https://claude.example.org/";
    emit.asked();
    await arrived(2);
    await running.kernel.disable("slack");
    const [without, withUrl] = server.posted.map(({ payload }) => JSON.stringify(payload));
    expect(without).to.contain("POST /approvals/:id").and.contain("rm -rf build").and.not.contain('"button"');
    expect(withUrl).to.contain(
      '"url":"https://claude.example.org/approvals/page/11111111-1111-4111-8111-111111111111?sig=abc"',
    );
  });

  it("posts who decided, what expired and what is parked", async () => {
    await start({ interval_ms: 10 });
    const by = { channel: "telegram", who: "Ada (@ada)" };
    emit.decided({ status: "denied", decision: { decision: "deny", by, at: "2030-01-01T00:00:00.000Z" } });
    await arrived(1);
    emit.decided({ status: "expired" });
    await arrived(2);
    const { response } = outcomeOf({}, { success: false, pending_approval: { id: "a" } as never });
    running.kernel.notify("event", { type: "done", response }, turnOf());
    await arrived(3);
    expect(textOf(server.posted[2]?.payload)).to.contain("Parked until a decision is made");
    expect(textOf(server.posted[0]?.payload)).to.contain("Denied by Ada (@ada) (telegram)");
    expect(textOf(server.posted[1]?.payload)).to.contain("Approval expired");
  });

  it("merges a burst into one digest per interval, with decisions separate and in order", async () => {
    await start({ interval_ms: 100 });
    for (let n = 0; n < 200; n++) emit.finished();
    emit.asked();
    for (let n = 0; n < 100; n++) emit.finished();
    await eventually("three messages", () => server.posted.length >= 3);
    await pause(150);
    const texts = server.posted.map(({ payload }) => textOf(payload));
    expect(texts).to.have.length(3);
    expect(texts[0]).to.contain("200 events").and.contain("more not shown");
    expect(texts[1]).to.contain("May Claude use Bash?");
    expect(texts[2]).to.contain("100 events");
    const gaps = server.posted.slice(1).map(({ at }, index) => at - (server.posted[index]?.at ?? 0));
    for (const gap of gaps) expect(gap).to.be.at.least(95);
  });

  it("keeps its interval between single events too", async () => {
    await start({ interval_ms: 300 });
    for (let count = 1; count <= 3; count++) {
      emit.finished();
      await arrived(count);
    }
    const gaps = server.posted.slice(1).map(({ at }, index) => at - (server.posted[index]?.at ?? 0));
    for (const gap of gaps) expect(gap).to.be.at.least(290);
  });

  it("posts a pending approval once, also after a restart that lost its queue", async () => {
    await start();
    server.always = { status: 503 };
    const id = (digit: number) => `${digit}1111111-1111-4111-8111-111111111111`;
    pending = [
      approvalOf({ id: id(2), input: { command: "second" } }),
      approvalOf({ id: id(1), input: { command: "first" } }),
    ];
    for (const approval of pending.toReversed()) running.kernel.notify("approvalRequested", approval);
    await eventually("an attempt", () => server.attempts > 0);
    await running.kernel.disable("slack");
    server.always = undefined;
    await start();
    const posted = await arrived(2);
    expect(textOf(posted[0]?.payload)).to.contain("first");
    expect(textOf(posted[1]?.payload)).to.contain("second");
    await eventually("both are noted", async () => (await noted()) === 2);
    await running.kernel.disable("slack");
    await start();
    emit.finished();
    await arrived(3);
    await pause(3 * INTERVAL_MS);
    expect(server.posted).to.have.length(3);
  });

  it("posts pending approvals only once the gateway has withdrawn those that a kill ended", async () => {
    listens = undefined;
    const ended = approvalOf({ id: "31111111-1111-4111-8111-111111111111", input: { command: "ended" } });
    pending = [ended, approvalOf({ input: { command: "parked" } })];
    await start();
    await pause(3 * INTERVAL_MS);
    expect(server.attempts).to.equal(0);
    pending = pending.filter((one) => one !== ended);
    running.kernel.notify("listening", ADDRESS);
    await arrived(1);
    await pause(3 * INTERVAL_MS);
    expect(server.posted.map(({ payload }) => textOf(payload)).join())
      .to.contain("parked")
      .and.not.contain("ended");
  });

  for (const [what, behaviour] of [
    ["500", { status: 500 }],
    ["503 with a page", { status: 503, body: "<html>".repeat(1000) }],
    ["a hang", "hang"],
    ["a cut connection", "cut"],
    ["half an answer", "half"],
  ] as const) {
    it(`retries after ${what}, and loses nothing`, async () => {
      await start(behaviour === "hang" ? { timeout_secs: limitSecs(0.5) } : {});
      server.next(behaviour, behaviour);
      emit.finished();
      await arrived(1);
      expect(server.attempts).to.equal(3);
      await eventually("the notice is taken back", () => running.kernel.status()[0]?.notices.length === 0);
    });
  }

  it("waits as long as a 429 asks for, and merges events meanwhile", async () => {
    await start();
    server.next({ status: 429, retryAfter: 1, body: "rate_limited" });
    const began = performance.now();
    emit.finished();
    await eventually("the refusal", () => server.attempts === 1);
    for (let n = 0; n < 5; n++) emit.finished();
    await arrived(1);
    expect(performance.now() - began).to.be.at.least(990);
    expect(textOf(server.posted[0]?.payload)).to.contain("6 events");
    expect(server.attempts).to.equal(2);
  });

  it("bounds the backlog: drops the oldest, except pending decisions, and reports how many", async () => {
    await start({ backlog: 10 });
    server.always = { status: 503 };
    emit.asked();
    for (let n = 0; n < 60; n++) emit.finished();
    await eventually("attempts", () => server.attempts >= 2);
    server.always = undefined;
    const posted = await arrived(2);
    const texts = posted.map(({ payload }) => textOf(payload));
    expect(texts[0]).to.contain("Older events dropped").and.contain("May Claude use Bash?");
    expect(Number(/dropped: (\d+)/.exec(texts[0] ?? "")?.[1])).to.equal(51);
    expect(texts[1]).to.contain("9 events");
    expect(running.complaints().some((line) => line.includes("dropping the oldest"))).to.equal(true);
  });

  it("shows a refused webhook in the plugin list, without its secret", async () => {
    await start();
    server.always = { status: 404, body: "no_service" };
    emit.finished();
    const notice = await eventually("a notice", () => running.kernel.status()[0]?.notices[0]);
    expect(notice).to.match(
      /^slack: 127\.0\.0\.1:\d+\/services\/T000\/B000\/\*\*\*: responded with 404 no_service/,
    );
    expect(JSON.stringify([running.kernel.status(), running.lines])).not.to.contain("secret");
    emit.finished();
    await pause(5 * INTERVAL_MS);
    expect(server.attempts).to.equal(1, "a refused webhook is left alone for a while");
  });

  it("hides the secret of a short webhook too, as other services use them", async () => {
    await start({ webhook_url: server.url("/hooks/secret") });
    server.always = { status: 404, body: "no_service" };
    emit.finished();
    const notice = await eventually("a notice", () => running.kernel.status()[0]?.notices[0]);
    expect(notice).to.match(/^slack: 127\.0\.0\.1:\d+\/hooks\/\*\*\*: /);
    expect(JSON.stringify([running.kernel.status(), running.lines])).not.to.contain("secret");
  });

  for (const [status, body] of [
    [400, "no_active_hooks"],
    [400, "user_not_found"],
    [403, "action_prohibited"],
    [404, "channel_not_found"],
    [410, "channel_is_archived"],
  ] as const) {
    it(`keeps waiting events, and says so, when ${status} ${body} means that the webhook is gone`, async () => {
      await start();
      server.always = { status, body };
      emit.finished();
      const notice = await eventually("a notice", () => running.kernel.status()[0]?.notices[0]);
      expect(notice).to.contain(`responded with ${status} ${body}; check webhook_url`);
      expect(server.attempts).to.equal(1);
      server.always = undefined;
      await running.kernel.notifyClosing();
      expect(textOf(server.posted[0]?.payload)).to.contain("Request finished");
    });
  }

  it("waits after a 429 without a valid Retry-After", async () => {
    await start();
    server.next({ status: 429 }, { status: 429, retryAfter: -5 });
    const began = performance.now();
    emit.finished();
    await arrived(1);
    expect(performance.now() - began).to.be.at.least(1980);
    expect(server.attempts).to.equal(3);
  });

  it("follows no redirect: events are for Slack only", async () => {
    await start();
    server.next({ status: 307, location: server.url("/elsewhere") });
    emit.finished();
    await arrived(1);
    expect(server.posted.map(({ path }) => path)).to.deep.equal(["/services/T000/B000/secret"]);
  });

  it("does not accept an HTML page as Slack's answer", async () => {
    await start();
    server.always = { status: 200, body: "<html>sign in to the network</html>" };
    emit.finished();
    const notice = await eventually("a notice", () => running.kernel.status()[0]?.notices[0]);
    expect(notice).to.contain("responded with an HTML page");
  });

  it("sends plain text when blocks are refused, and continues when that is refused too", async () => {
    await start();
    server.next({ status: 400, body: "invalid_blocks" });
    emit.finished();
    const [plain] = await arrived(1);
    expect(plain?.payload.blocks).to.deep.equal([]);
    expect(plain?.payload.text).to.contain("Request finished");
    server.next({ status: 400, body: "invalid_payload" }, { status: 400, body: "invalid_payload" });
    emit.asked();
    await eventually("both attempts", () => server.attempts >= 4);
    emit.finished();
    const posted = await arrived(2);
    expect(textOf(posted[1]?.payload)).to.contain("Older events dropped: 1").and.contain("Request finished");
  });

  it("posts waiting events when the gateway closes, within a time limit", async () => {
    await start({ interval_ms: 60_000 });
    emit.finished();
    await arrived(1);
    emit.asked();
    emit.finished();
    await running.kernel.notifyClosing();
    expect(server.posted).to.have.length(3);
    server.always = "hang";
    emit.finished();
    await running.kernel.notifyClosing();
    await running.kernel.close();
  });

  it("ends everything that it started when it is switched off", async () => {
    await start();
    server.always = "hang";
    emit.finished();
    await eventually("a request under way", () => server.attempts === 1);
    await running.kernel.disable("slack");
    await eventually("no request under way", () => server.open === 0);
    emit.finished();
    await pause(3 * INTERVAL_MS);
    expect(server.attempts).to.equal(1);
    expect(running.complaints().filter((line) => line.includes("1 events were not posted"))).to.have.length(
      1,
    );
  });

  it("does not start without a webhook, and accepts the section of the previous version", async () => {
    const refused = (section: object) =>
      rejectionMessage(
        createKernel().kernel.check({ plugins: [slack], sections: { slack: { ...section } } }),
      );
    expect(await refused({ webhook_url: "no url" })).to.contain("plugins.slack.webhook_url");
    expect(await refused({ events: ["everything"] })).to.contain("plugins.slack.events");
    const { kernel } = createKernel();
    kernel.offer(fakeOffers(offers));
    const nowhere = kernel.enable({ plugins: [slack] });
    expect(await rejectionMessage(nowhere)).to.contain("plugins.slack: set webhook_url or feeds");
    const section = { webhook_url: "https://hooks.slack.com/services/T00/B00/xyz" };
    await running.kernel.enable({ plugins: [slack], sections: { slack: section } });
    expect(JSON.stringify(running.kernel.status()[0]?.config)).not.to.contain("hooks.slack.com");
  });
});

function textOf(payload: Payload | undefined): string {
  return JSON.stringify(payload?.blocks ?? []);
}
