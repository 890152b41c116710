import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { AdminSessions } from "#plugins/dashboard/access/admin-sessions.js";
import { readAudit } from "../../e2e/audit-lines.js";
import { KEYS, type TestGateway } from "../../e2e/gateway.js";
import { eventually, limitSecs } from "../../e2e/poll.js";
import { asker, listen, logIn, startWithDashboard } from "./admin.js";

/** The tests come from many addresses, as from behind a proxy. */
const BEHIND_PROXY = 'trusted_proxies = ["127.0.0.1"]\n';
const MINUTE = 60_000;

describe("dashboard: access", () => {
  describe("a login", () => {
    it("is valid until it expires or is closed", () => {
      let now = 0;
      const sessions = new AdminSessions(3600, () => now);
      const [one, other] = [sessions.open(), sessions.open()];
      sessions.close(other.token);
      now = 60 * MINUTE - 1;
      expect(sessions.find(one.token)).to.include({ expiresAt: 60 * MINUTE });
      expect(sessions.find(other.token)).to.equal(undefined);
      now += 1;
      expect(sessions.find(one.token)).to.equal(undefined);
    });

    it("ends the oldest when there are too many", () => {
      const sessions = new AdminSessions(3600);
      const first = sessions.open();
      for (let i = 0; i < 1000; i++) sessions.open();
      expect(sessions.find(first.token)).to.equal(undefined);
    });

    it("signals its own early end, and not that of another", () => {
      const sessions = new AdminSessions(3600);
      const [one, other] = [sessions.open(), sessions.open()];
      sessions.close(one.token);
      expect([one.ended.aborted, other.ended.aborted]).to.deep.equal([true, false]);
      for (let i = 0; i < 1000; i++) sessions.open();
      expect(other.ended.aborted, "there are too many").to.equal(true);
    });
  });

  describe("over HTTP", () => {
    let gateway: TestGateway;
    let cookie: string;
    before(async () => {
      gateway = await startWithDashboard(BEHIND_PROXY);
      cookie = await logIn(gateway);
    });
    after(() => gateway.dispose());

    const login = (key: unknown, headers: Readonly<Record<string, string>> = {}) =>
      gateway.request("/admin/login", { body: { key }, key: null, headers });

    it("sets an HttpOnly, SameSite cookie for one hour; Secure behind TLS", async () => {
      const plain = await login(KEYS.admin);
      expect(plain.headers.get("set-cookie")).to.match(
        /^claudeway_admin=[\w-]{43}; Max-Age=3600; HttpOnly; SameSite=Strict$/,
      );
      const { headers } = await login(KEYS.admin, { "x-forwarded-proto": "https" });
      expect(headers.get("set-cookie")).to.match(/; Secure$/);
    });

    it("answers 401 without a valid login or key, and 403 to another key", async () => {
      for (const path of ["/admin/overview", "/admin/logs", "/admin/events", "/admin/me"]) {
        expect((await gateway.request(path, { key: null })).body).to.include({ code: "UNAUTHORIZED" });
        const made = { cookie: `claudeway_admin=${"A".repeat(43)}` };
        expect((await gateway.request(path, { key: null, headers: made })).status).to.equal(401);
      }
      expect((await gateway.request("/admin/overview", { key: "sk-nobody" })).status).to.equal(401);
      expect((await gateway.request("/admin/overview", { key: KEYS.bob })).body).to.include({
        code: "FORBIDDEN",
      });
    });

    it("accepts the admin key as a Bearer token", async () => {
      const { status, body } = await gateway.request("/admin/overview");
      expect(status).to.equal(200);
      expect(body).to.include({ total_requests: 0, active_sessions: 0, total_cost_usd: 0 });
    });

    it("answers a login in the shape of the forerunner", async () => {
      expect((await login(KEYS.admin)).body).to.include({ success: true, key_id: "admin" });
    });

    it("logs no refused request when a browser opens the dashboard without a login", async () => {
      const refused = () => readAudit(gateway.logDir, "_unauthorized").length;
      const before = refused();
      const stale = { cookie: `claudeway_admin=${"A".repeat(43)}` };
      for (const path of ["/dashboard/", "/admin/login", "/favicon.ico"]) {
        for (const headers of [{}, stale]) await gateway.fetch(path, { key: null, headers });
      }
      expect((await gateway.request("/admin/login", { key: null })).body).to.deep.equal({ login: null });
      const own = (await asker(gateway, cookie)("/admin/login")).body["login"];
      expect(own).to.include({ key_id: "admin" });
      await gateway.request("/admin/me", { key: null });
      await eventually("the one that is refused", () => refused() > before);
      expect(refused()).to.equal(before + 1);
    });

    it("lists the page in the API document, and not the files that it loads", async () => {
      const { body } = await gateway.request<{ paths: Record<string, unknown> }>("/openapi.json");
      const pages = Object.keys(body.paths).filter((path) => path.startsWith("/dashboard"));
      expect(pages).to.deep.equal(["/dashboard"]);
    });

    it("refuses a login after logout", async () => {
      const other = await logIn(gateway);
      const ask = asker(gateway, other);
      expect((await ask("/admin/me")).body).to.include({ key_id: "admin" });
      const out = await ask("/admin/logout", { method: "POST" });
      expect(out.headers.get("set-cookie")).to.match(/^claudeway_admin=; Max-Age=0/);
      expect((await ask("/admin/me")).status).to.equal(401);
      expect((await asker(gateway, cookie)("/admin/me")).status, "another login").to.equal(200);
    });

    it("ends the event streams of a login at logout, and no others", async () => {
      const other = await logIn(gateway);
      const [feed, kept] = [await listen(gateway, other), await listen(gateway, cookie)];
      await eventually("the first news", () => feed.heard.length > 0);
      await asker(gateway, other)("/admin/logout", { method: "POST" });
      await feed.done;
      expect(feed.heard.at(-1)?.event).to.equal("expired");
      await gateway.request("/session/start", { body: {} });
      await eventually("news for the other one", () => kept.notified("sessions"));
      await kept.close();
    });

    describe("refuses requests from another site's page", () => {
      let tried = 1;
      const foreign = [
        { "sec-fetch-site": "cross-site" },
        { "sec-fetch-site": "same-site" },
        { "sec-fetch-site": "none" },
        { origin: "https://evil.example" },
        { origin: "null" },
        { origin: "http://127.0.0.1:1" },
      ];
      for (const headers of foreign) {
        it(JSON.stringify(headers), async () => {
          const ask = asker(gateway, cookie);
          const switched = await ask("/admin/plugins/demo/enable", { method: "POST", headers });
          expect(switched.status).to.equal(403);
          const from = { "x-forwarded-for": `203.0.113.${tried++}` };
          expect((await login(KEYS.admin, { ...headers, ...from })).status).to.equal(403);
          expect((await ask("/admin/overview", { headers })).status, "reading").to.equal(200);
        });
      }

      it("accepts requests from its own pages, also through a proxy", async () => {
        const { host } = new URL(gateway.url);
        const own = [
          { "sec-fetch-site": "same-origin", origin: "https://whatever.example" },
          { origin: `http://${host}` },
          { origin: "https://way.example", "x-forwarded-host": "way.example" },
        ];
        for (const headers of own) expect((await login(KEYS.admin, headers)).status).to.equal(200);
      });

      it("refuses a form as a login: the body must be JSON", async () => {
        const body = `key=${KEYS.admin}`;
        const headers = { "content-type": "application/x-www-form-urlencoded" };
        expect((await gateway.request("/admin/login", { body, key: null, headers })).status).to.equal(415);
      });
    });

    it("answers 400 to a body without a key", async () => {
      let bodies = 0;
      for (const key of [undefined, 7, null, ["x"]]) {
        const { status, body } = await login(key, { "x-forwarded-for": `198.51.100.${bodies++}` });
        expect(status).to.equal(400);
        expect(body).to.include({ error: "key must be the admin key" });
      }
    });

    it("delays even the right key after three wrong ones, but not from another address", async () => {
      const from = { "x-forwarded-for": "192.0.2.1" };
      const slowed = await eventually("an attempt while it is delayed", async () => {
        for (const key of ["sk-wrong", KEYS.bob, "sk-wrong"]) {
          const { status, body } = await login(key, from);
          expect([status, body["error"]]).to.deep.equal([401, "this is not the admin key"]);
        }
        const refused = performance.now();
        const next = await login(KEYS.admin, from);
        // A busy machine may take longer than the delay.
        return (next.status === 429 || performance.now() - refused < 900) && next;
      });
      expect(slowed.status).to.equal(429);
      expect(slowed.headers.get("retry-after")).to.equal("1");
      expect((await login(KEYS.admin, { "x-forwarded-for": "192.0.2.1, 192.0.2.2" })).status).to.equal(200);
      await sleep(1000);
      expect((await login(KEYS.admin, from)).status).to.equal(200);
    });

    it("delays a /64 IPv6 network as one, however its addresses are written", async () => {
      const from = (address: string) => ({ "x-forwarded-for": address });
      for (const host of ["1", "a:b:c:d", "2"]) await login("sk-wrong", from(`2001:db8::${host}`));
      expect((await login(KEYS.admin, from("2001:db8:0:0:ffff::"))).status).to.equal(429);
      expect((await login(KEYS.admin, from("2001:db8:0:1::1"))).status).to.equal(200);
    });

    it("logs changes with their author, and no reads", async () => {
      const ask = asker(gateway, cookie);
      await ask("/admin/plugins/demo/disable", { method: "POST" });
      await ask("/admin/keys");
      const month = new Date().toISOString().slice(0, 7);
      const log = await eventually("the line", () => {
        const lines = readFileSync(join(gateway.logDir, "admin", `${month}.log`), "utf8");
        return lines.includes("/admin/plugins/demo/disable") && lines;
      });
      expect(log).to.not.include("/admin/keys");
      expect(log).to.not.include(KEYS.admin);
    });
  });

  describe("a short login", () => {
    let gateway: TestGateway;
    after(() => gateway.dispose());

    it("expires, and ends its event stream", async () => {
      gateway = await startWithDashboard(`[plugins.dashboard]\nsession_secs = ${Math.ceil(limitSecs(1))}\n`);
      const cookie = await logIn(gateway);
      const feed = await listen(gateway, cookie);
      await feed.done;
      expect(feed.heard.at(-1)?.event).to.equal("expired");
      expect((await asker(gateway, cookie)("/admin/me")).status).to.equal(401);
    });
  });
});
