import { type BudgetWarning, definePlugin, type LedgerView } from "@claudeway/core";
import { createTestGateway, type ScriptedTurn, type Step, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { rejectionMessage } from "../../kernel/kit.js";

/** What each message of the model costs, in USD, and how many a turn has. */
const MESSAGE_USD = 0.1;
const MESSAGES = 5;
const TURN_USD = MESSAGE_USD * MESSAGES;
const MINUTE_MS = 60_000;

function* messages({ prompt }: ScriptedTurn): Generator<Step> {
  for (let n = 1; n <= MESSAGES; n++) {
    yield { usage: { costUsd: MESSAGE_USD * n, input: 100 * n, output: 10 * n } };
    yield "word ";
    yield { wait: prompt.startsWith("slow") ? 5 : 1 };
  }
  if (prompt === "hang") yield { wait: "for good" };
}

type Section = Readonly<Record<string, unknown>>;

describe("limits", () => {
  let gateway: TestGateway;
  let ledger: LedgerView;
  let warnings: BudgetWarning[];
  const watcher = definePlugin<object>({
    name: "watcher",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply(kernel) {
      ledger = kernel.ledger;
      kernel.hooks.budgetWarning.tap("keep", (warning) => void warnings.push(warning));
    },
  });

  async function start(section: Section, more: object = {}): Promise<void> {
    warnings = [];
    gateway = await createTestGateway({
      plugins: [["limits", section], watcher],
      keys: ["admin", "user", "other"],
      replies: messages,
      config: { engine: { max_running: 10, max_queued: 100 } },
      ...more,
    });
  }
  afterEach(() => gateway.close());

  async function task(key = "user", prompt = "hello") {
    const response = await gateway.fetch("/task", { body: { prompt }, key });
    return { status: response.status, headers: response.headers, body: Object(await response.json()) };
  }
  async function limitsOf(key = "user", query = "") {
    const response = await gateway.fetch(`/limits${query}`, { key });
    return { status: response.status, body: Object(await response.json()) };
  }

  describe("budgets", () => {
    const DAILY = { name: "daily", usd: 1, window: "day", reserve_usd: 0.25 };

    it("are never overrun by 50 parallel turns by more than a message each", async () => {
      await start({ budgets: [{ ...DAILY, usd: 3 * TURN_USD }] });
      const answers = await Promise.all(Array.from({ length: 50 }, () => task()));
      const ran = answers.filter(({ status }) => status === 200);
      expect(ran.length).to.be.within(3, 6);
      expect(answers.filter(({ status }) => status === 402)).to.have.length(50 - ran.length);
      const { costUsd } = await ledger.overview();
      expect(costUsd).to.be.within(3 * TURN_USD - TURN_USD, 3 * TURN_USD + ran.length * MESSAGE_USD);
      const [limit] = (await limitsOf()).body.limits;
      expect(limit.used).to.be.closeTo(costUsd, 1e-9);
      expect(limit.reserved).to.equal(0);
    });

    it("are refused by name, with what was spent and when they begin anew", async () => {
      await start({ budgets: [{ ...DAILY, usd: TURN_USD }] });
      expect((await task()).body).to.include({ success: true, cost_usd: TURN_USD });
      const { status, body } = await task();
      const tomorrow = `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)}T00:00:00.000Z`;
      expect([status, body]).to.deep.equal([
        402,
        {
          error: `the budget daily of this key is used up: 0.5 USD spent and 0 USD reserved of 0.5 USD; it begins anew at ${tomorrow}`,
          code: "PAYMENT_REQUIRED",
          details: {
            limit: "budget:daily",
            subject: "key:user",
            allowed: 0.5,
            used: 0.5,
            reserved: 0,
            resets_at: tomorrow,
          },
        },
      ]);
      expect((await task("other")).status, "another key has its own").to.equal(200);
    });

    it("can be shared by keys, and be for some only", async () => {
      await start({ budgets: [{ ...DAILY, usd: TURN_USD, keys: ["user", "other"], per: "all" }] });
      expect((await task("user")).status).to.equal(200);
      const { status, body } = await task("other");
      expect([status, body.details.subject]).to.deep.equal([402, "all"]);
      expect((await task("admin")).status).to.equal(200);
    });

    describe("for tags", () => {
      const TAGGED = {
        config: {
          engine: { max_running: 10, max_queued: 100 },
          keys: {
            admin: { secret: "sk-admin-0123456789" },
            user: { secret: "sk-user-01234567890", tags: ["web", "ann"] },
            other: { secret: "sk-other-0123456789", tags: ["web", "bob"] },
          },
        },
      };

      it("are each tag's own, whichever of its keys spends", async () => {
        await start({ budgets: [{ ...DAILY, usd: TURN_USD, per: "tag", tags: ["web"] }] }, TAGGED);
        expect((await task("user")).status).to.equal(200);
        const { status, body } = await task("other");
        expect([status, body.details.subject]).to.deep.equal([402, "tag:web"]);
        expect(body.error).to.match(/^the budget daily of the tag web is used up: 0.5 USD spent/);
        expect((await task("admin")).status, "without the tag").to.equal(200);
      });

      it("count on each of a key's tags", async () => {
        await start({ budgets: [{ ...DAILY, usd: TURN_USD, per: "tag" }] }, TAGGED);
        await task("user");
        const { limits } = (await limitsOf("other")).body;
        expect(
          limits.map(({ subject, used }: { subject: string; used: number }) => [subject, used]),
        ).to.deep.equal([
          ["tag:web", TURN_USD],
          ["tag:bob", 0],
        ]);
      });

      it("can be each key's own, or shared by all keys with one of the tags", async () => {
        await start(
          {
            budgets: [
              { ...DAILY, name: "own", tags: ["web"] },
              { ...DAILY, name: "both", tags: ["bob"], keys: ["admin"], per: "all" },
            ],
          },
          TAGGED,
        );
        const of = async (key: string) =>
          (await limitsOf(key)).body.limits.map(
            (one: { limit: string; subject: string }) => `${one.limit} ${one.subject}`,
          );
        expect(await of("user")).to.deep.equal(["budget:own key:user"]);
        expect(await of("other")).to.deep.equal(["budget:own key:other", "budget:both all"]);
        expect(await of("admin")).to.deep.equal(["budget:both all"]);
      });

      it("hold for keys made at run time, in 50 parallel turns of several keys", async () => {
        await start({ budgets: [{ ...DAILY, usd: 3 * TURN_USD, per: "tag" }] });
        await gateway.enable(["keys", {}]);
        const secrets: string[] = [];
        for (let n = 0; n < 5; n++) {
          const made = await gateway.fetch("/admin/keys", { body: { name: "k", tags: ["team"] } });
          secrets.push(String(Object(await made.json()).secret));
        }
        const answers = await Promise.all(
          Array.from({ length: 50 }, (_, n) =>
            gateway.fetch("/task", {
              body: { prompt: "hello" },
              key: null,
              headers: { "x-api-key": secrets[n % secrets.length] ?? "" },
            }),
          ),
        );
        const ran = answers.filter(({ status }) => status === 200).length;
        expect(answers.filter(({ status }) => status === 402)).to.have.length(50 - ran);
        const { costUsd } = await ledger.overview();
        expect(costUsd).to.be.within(2 * TURN_USD, 3 * TURN_USD + ran * MESSAGE_USD);
      });

      it("refuse the turns of a key that has more than the ledger reserves at once", async () => {
        const tags = Array.from({ length: 16 }, (_, n) => `t${n}`);
        const budgets = Array.from({ length: 5 }, (_, n) => ({ ...DAILY, name: `b${n}`, per: "tag" }));
        const keys = {
          admin: { secret: "sk-admin-0123456789" },
          user: { secret: "sk-user-01234567890", tags },
        };
        await start({ budgets }, { config: { keys } });
        const { status, body } = await task("user");
        expect([status, body.error]).to.deep.equal([
          403,
          "at most 64 limits may be for one key, got 80 for user: there are too many, or it has too many tags",
        ]);
        expect((await limitsOf("user")).body.limits).to.have.length(80);
        expect((await task("admin")).status).to.equal(200);
      });
    });

    it("interrupt a turn at its cap, and say so", async () => {
      await start({ budgets: [{ ...DAILY, usd: 0.25, reserve_usd: 0.1 }] });
      const { status, body } = await task();
      expect([status, body.success, body.code]).to.deep.equal([200, false, "BUDGET_EXCEEDED"]);
      expect(body.cost_usd).to.be.within(0.25, 0.25 + MESSAGE_USD);
    });

    it("warn once at each share of a window", async () => {
      await start({ budgets: [{ ...DAILY, usd: 4 * TURN_USD, warn_at: [0.5, 1] }] });
      for (let turn = 0; turn < 5; turn++) await task();
      expect(warnings.map(({ budget, subject, share }) => [budget, subject, share])).to.deep.equal([
        ["daily", "key:user", 0.5],
        ["daily", "key:user", 1],
      ]);
    });

    it("warn when a turn's price becomes known later, by that of another key", async () => {
      const replies = function* ({ prompt }: ScriptedTurn): Generator<Step> {
        yield { usage: { input: 1000, output: 0, costUsd: prompt === "unpriced" ? null : 0.6 } };
        yield "fine";
      };
      await start({ budgets: [{ ...DAILY, warn_at: [0.5] }] }, { replies });
      await task("user", "unpriced");
      expect(warnings).to.deep.equal([]);
      for (const _turn of [1, 2]) await task("other", "priced");
      await eventually("both warnings", () => warnings.length === 2);
      expect(warnings.map(({ subject }) => subject)).to.have.members(["key:user", "key:other"]);
    });

    it("begin anew with their window, and hold when the plugin was off meanwhile", async () => {
      await start({ budgets: [{ ...DAILY, usd: TURN_USD }] }, { controlTime: true });
      await task();
      await gateway.disable("limits");
      expect((await task()).status).to.equal(200);
      await gateway.enable(["limits", { budgets: [{ ...DAILY, usd: TURN_USD }] }]);
      expect((await task()).status).to.equal(402);
      await gateway.advance(86_400_000);
      expect((await task()).status).to.equal(200);
    });

    it("hold in random bursts of turns that end in every way", async () => {
      let seed = 20_261_129;
      const random = (below: number) => {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
        return seed % below;
      };
      await start({ budgets: [{ name: "all", usd: 6, window: "all", reserve_usd: 0.3, per: "all" }] });
      const ways = [
        () => task("user", "hello"),
        () => task("other", "slow"),
        () => gateway.fetch("/task", { body: { prompt: "hang", timeout_secs: 0.2 } }),
        async () => {
          for await (const { event } of gateway.stream("slow")) if (event === "text") break;
        },
        async () => {
          const gone = AbortSignal.timeout(1 + random(20));
          await gateway.fetch("/task", { body: { prompt: "slow" }, signal: gone }).catch(() => undefined);
        },
      ];
      let begun = 0;
      for (let round = 0; round < 20; round++) {
        const burst = Array.from({ length: 1 + random(12) }, () => ways[random(ways.length)]?.());
        begun += burst.length;
        await Promise.allSettled(burst);
      }
      expect(begun).to.be.greaterThan(40);
      const settled = async () => (await limitsOf("admin")).body.limits[0];
      for (let tries = 0; tries < 100 && (await settled()).reserved > 0; tries++)
        await new Promise((resolve) => setTimeout(resolve, 20));
      const { used, reserved } = await settled();
      expect(reserved).to.equal(0);
      expect(used).to.be.closeTo((await ledger.overview()).costUsd, 1e-9);
      expect(used, "used up, and by no more than a message of each running turn").to.be.within(
        5,
        6 + 10 * MESSAGE_USD,
      );
    });
  });

  describe("rates", () => {
    /** Windows are minutes of the clock: a test begins with one, so that none ends in its middle. */
    async function startWithMinute(rate: Section): Promise<void> {
      await start({ rates: [rate] }, { controlTime: true });
      await gateway.advance(MINUTE_MS - (Date.now() % MINUTE_MS));
    }

    it("of requests are refused with when to ask again, and shown in headers", async () => {
      await startWithMinute({ name: "http", requests_per_minute: 3, keys: ["user"] });
      const seen = [];
      for (let n = 0; n < 4; n++) {
        const { status, headers } = await gateway.fetch("/models", { key: "user" });
        seen.push([
          status,
          headers.get("x-ratelimit-limit-requests"),
          headers.get("x-ratelimit-remaining-requests"),
          /^(1m0s|\d{1,2}s)$/.test(headers.get("x-ratelimit-reset-requests") ?? ""),
        ]);
      }
      expect(seen).to.deep.equal([
        [200, "3", "2", true],
        [200, "3", "1", true],
        [200, "3", "0", true],
        [429, "3", "0", true],
      ]);
      const refused = await gateway.fetch("/models", { key: "user" });
      expect(refused.status).to.equal(429);
      expect(Number(refused.headers.get("retry-after"))).to.be.within(1, 60);
      expect(Object(await refused.json()).error).to.match(
        /^this key may have at most 3 requests a minute; it begins/,
      );
      expect((await gateway.fetch("/models", { key: "other" })).status).to.equal(200);
    });

    it("of turns count those that begin", async () => {
      await startWithMinute({ name: "t", turns_per_minute: 2 });
      const statuses = [];
      for (let n = 0; n < 3; n++) statuses.push((await task()).status);
      await gateway.advance(60_000);
      statuses.push((await task()).status);
      expect(statuses).to.deep.equal([200, 200, 429, 200]);
    });

    it("of tokens refuse turns once they are used up", async () => {
      await startWithMinute({ name: "t", tokens_per_minute: 500 });
      expect((await task()).status).to.equal(200);
      const { status, body } = await task();
      expect([status, body.details]).to.deep.include(429);
      expect(body.details).to.include({ limit: "tokens_per_minute:t", used: 550, allowed: 500 });
    });

    it("of tokens are shown in headers, also as the Anthropic API does below /v1", async () => {
      await startWithMinute({ name: "t", tokens_per_minute: 1000, requests_per_minute: 9 });
      await task();
      const { headers } = await gateway.fetch("/v1/none", { key: "user" });
      const shown = Object.fromEntries([...headers].filter(([name]) => name.includes("ratelimit")));
      const resets = ["x-ratelimit-reset-tokens", "x-ratelimit-reset-requests"].map((name) => shown[name]);
      for (const reset of resets) expect(reset).to.match(/^(1m0s|\d{1,2}s)$/);
      const times = ["anthropic-ratelimit-tokens-reset", "anthropic-ratelimit-requests-reset"].map(
        (name) => shown[name],
      );
      for (const time of times) expect(Date.parse(time ?? "")).to.be.within(Date.now(), Date.now() + 60_000);
      expect(shown).to.include({
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "450",
        "x-ratelimit-limit-requests": "9",
        "x-ratelimit-remaining-requests": "7",
        "anthropic-ratelimit-tokens-limit": "1000",
        "anthropic-ratelimit-tokens-remaining": "450",
        "anthropic-ratelimit-requests-limit": "9",
        "anthropic-ratelimit-requests-remaining": "7",
      });
      const own = await gateway.fetch("/models", { key: "user" });
      expect([...own.headers.keys()].filter((name) => name.startsWith("anthropic"))).to.deep.equal([]);
    });

    it("of turns at once hold while turns run, and no longer", async () => {
      await start({ rates: [{ name: "one", concurrent_turns: 1 }] });
      const slow = new AbortController();
      const { signal } = slow;
      const hangs = gateway
        .fetch("/task", { body: { prompt: "hang" }, key: "user", signal })
        .catch(() => "left");
      const refused = await eventually("a refusal", async () => {
        const answer = await task();
        return answer.status !== 200 && answer;
      });
      expect([refused.status, refused.headers.get("retry-after")]).to.deep.equal([429, "5"]);
      slow.abort();
      expect(await hangs).to.equal("left");
      await eventually("a turn after it", async () => (await task()).status === 200);
    });
  });

  it("lets a key or a tag hold its share of the queue, and others the rest", async () => {
    await start(
      { rates: [{ name: "quarter", queue_share: 0.25, per: "all", keys: ["user"] }] },
      { config: { engine: { max_running: 2, max_queued: 6 } } },
    );
    const body = { prompt: "hang", timeout_secs: 1 };
    const held = [1, 2].map(() => gateway.fetch("/task", { body, key: "user" }));
    await eventually("both run", () => gateway.ran.length === 2);
    const { status, headers, body: refused } = await task();
    expect([status, headers.get("retry-after")]).to.deep.equal([429, "5"]);
    expect(JSON.stringify(refused)).to.contain(
      "may have at most 2 turns that wait or run: its share of the queue",
    );
    expect((await task("other")).status).to.equal(200);
    await Promise.all(held);
    expect((await task()).status).to.equal(200);
  });

  describe("GET /limits", () => {
    const SECTION = {
      budgets: [{ name: "team", usd: 5, window: "month", per: "all" }],
      rates: [{ name: "ci", turns_per_minute: 9, keys: ["other"] }],
    };

    it("shows a key its own limits, and the admin those of any key", async () => {
      await start(SECTION);
      await task();
      const { body } = await limitsOf();
      expect(body.key_id).to.equal("user");
      expect(body.limits).to.have.length(1);
      expect(body.limits[0]).to.include({
        limit: "budget:team",
        subject: "all",
        window: "month",
        unit: "usd",
        allowed: 5,
        used: 0.5,
        reserved: 0,
        left: 4.5,
      });
      const other = await limitsOf("admin", "?key=other");
      expect(other.body.limits.map(({ limit }: { limit: string }) => limit)).to.deep.equal([
        "budget:team",
        "turns_per_minute:ci",
      ]);
      expect(await limitsOf("user", "?key=other")).to.deep.include({ status: 403 });
      expect((await limitsOf("user", "?key=user&key=other")).status).to.equal(400);
    });
  });

  it("refuses two budgets of one name", async () => {
    const budget = { name: "a", usd: 1, window: "day" };
    await start({});
    await gateway.disable("limits");
    expect(await rejectionMessage(gateway.enable(["limits", { budgets: [budget, budget] }]))).to.contain(
      "budgets must have different names, got a twice",
    );
  });
});
