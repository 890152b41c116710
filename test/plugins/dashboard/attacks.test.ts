import { definePlugin } from "@claudeway/core";
import { createTestGateway, type FetchOptions, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";

const OTHER = "00000000-0000-4000-8000-000000000000";
/** Payloads that a page, a name or a call may try to run in a browser. */
const MARKUP = `"><img src=x onerror=alert(1)></textarea><script>alert(2)</script>\u202e`;

let link: (id: string) => Promise<string>;

/** A plugin that asks about every call and collects the links. */
const asks = definePlugin<object, "approvals">({
  name: "asks",
  apiVersion: 1,
  configSchema: { type: "object" },
  needs: ["approvals"],
  apply(kernel) {
    link = (id) => kernel.approvals.link(id);
    kernel.hooks.approve.tap("all", () => ({ verdict: "ask", liveWaitSecs: 600 }));
  },
});

describe("hostile requests to the dashboard and to signed links", () => {
  let gateway: TestGateway;
  let cookie: string;
  let tried = 0;
  before(async () => {
    gateway = await createTestGateway({
      plugins: [asks],
      config: { plugins: { dashboard: { enabled: true } }, trusted_proxies: ["127.0.0.1"] },
      replies: () => [{ tool: "Bash", input: { command: MARKUP } }, "done"],
    });
    const login = await ask("/admin/login", { body: { key: gateway.keys["admin"] } });
    cookie = (login.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  });
  after(() => gateway.close());

  /** Each request from another address, so that rate limiting does not interfere. */
  function ask(path: string, { headers, ...options }: FetchOptions = {}): Promise<Response> {
    tried++;
    const from = `10.${tried >> 8}.${tried & 255}.1`;
    return gateway.fetch(path, { key: null, ...options, headers: { "x-forwarded-for": from, ...headers } });
  }

  async function pending() {
    const answer = gateway.turn("ask me").catch(() => undefined);
    const approval = await gateway.approvals.next();
    return { approval, answer, path: await link(approval.id) };
  }

  afterEach(async () => {
    for (const { id, status } of await gateway.approvals.list())
      if (status === "pending") await gateway.approvals.decide(id, "deny");
  });

  describe("without a login", () => {
    const made = [
      "claudeway_admin=",
      `claudeway_admin=${"A".repeat(43)}`,
      "claudeway_admin=__proto__",
      "claudeway_admin=constructor",
      "claudeway_admin=../../etc/passwd",
      'claudeway_admin="x"',
      "claudeway_admin=x; claudeway_admin=y",
      "Claudeway_Admin=x",
      "admin=true; logged_in=1; role=admin",
      `claudeway_admin=${"x".repeat(7000)}`,
    ];
    for (const one of made) {
      it(`refuses the cookie ${one.slice(0, 60)}`, async () => {
        for (const path of [
          "/admin/overview",
          "/admin/sessions",
          "/admin/logs",
          "/admin/events",
          "/admin/me",
        ])
          expect((await ask(path, { headers: { cookie: one } })).status, path).to.equal(401);
        expect(
          (await ask("/admin/plugins/demo/enable", { method: "POST", headers: { cookie: one } })).status,
        ).to.equal(401);
      });
    }

    for (const [what, body] of [
      ["a list of keys", (key: string) => ({ key: [key] })],
      ["a key in an object", (key: string) => ({ key: { toString: key } })],
      ["a key of a prototype", (key: string) => `{"__proto__":{"key":"${key}"}}`],
      ["true for a key", () => ({ key: true })],
      ["no key", () => ({})],
      ["a list", (key: string) => [key]],
      ["a text", (key: string) => JSON.stringify(key)],
    ] as const) {
      it(`refuses a login with ${what}`, async () => {
        const answer = await ask("/admin/login", { body: body(gateway.keys["admin"] ?? "") });
        expect(answer.status).to.equal(400);
        expect(answer.headers.get("set-cookie")).to.equal(null);
      });
    }

    for (const change of [
      (key: string) => `${key} `,
      (key: string) => key.toUpperCase(),
      (key: string) => key.slice(0, -1),
      (key: string) => `${key}\u0000`,
      (key: string) => `Bearer ${key}`,
      () => "",
      () => "x".repeat(8000),
    ]) {
      it(`refuses a login with ${JSON.stringify(change("<key>")).slice(0, 20)}`, async () => {
        const answer = await ask("/admin/login", { body: { key: change(gateway.keys["admin"] ?? "") } });
        expect(answer.status).to.equal(401);
      });
    }

    it("refuses another key everywhere", async () => {
      expect((await ask("/admin/login", { body: { key: gateway.keys["user"] } })).status).to.equal(401);
      for (const path of ["/admin/overview", "/admin/keys", "/admin/events"])
        expect((await ask(path, { key: "user" })).status).to.equal(403);
    });

    it("reveals nothing in refusals", async () => {
      const one = await (await ask(`/admin/sessions/${OTHER}`)).text();
      const [session] = JSON.parse(
        await (await ask("/admin/sessions", { headers: { cookie } })).text(),
      ).sessions;
      for (const path of [`/admin/sessions/${session?.session_id}`, `/admin/turns/${OTHER}`])
        expect(await (await ask(path)).text()).to.equal(one);
    });
  });

  describe("in the admin's browser", () => {
    const admin = (path: string, { headers, ...options }: FetchOptions = {}) =>
      ask(path, { ...options, headers: { cookie, ...headers } });

    for (const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site", origin: "https://sibling.example" },
      { "sec-fetch-site": "none" },
      { "sec-fetch-site": "SAME-ORIGIN" },
      { "sec-fetch-site": "same-origin, cross-site" },
      { origin: "null" },
      { origin: "https://evil.example" },
      { origin: "http://127.0.0.1.evil.example" },
      { origin: "http://127.0.0.1:1" },
      { origin: "http://evil.example/127.0.0.1" },
      { origin: "http://user@evil.example" },
      { origin: "evil" },
      { origin: "file://" },
    ]) {
      it(`another site's page changes nothing: ${JSON.stringify(headers)}`, async () => {
        const { approval } = await pending();
        for (const [method, path] of [
          ["POST", `/admin/approvals/${approval.id}`],
          ["POST", "/admin/plugins/demo/enable"],
          ["POST", `/admin/sessions/${approval.sessionId}/interrupt`],
          ["DELETE", `/admin/sessions/${approval.sessionId}`],
          ["POST", "/admin/plugins/reload"],
          ["POST", "/admin/logout"],
        ] as const) {
          const answer = await admin(path, { method, body: { decision: "allow" }, headers });
          expect(answer.status, `${method} ${path}`).to.equal(403);
        }
        expect((await gateway.approvals.list())[0]?.status).to.equal("pending");
        expect((await admin("/admin/me")).status, "the login holds").to.equal(200);
      });
    }

    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
    ]) {
      it(`a form of ${type} decides nothing`, async () => {
        const { approval } = await pending();
        const headers = { "content-type": type };
        const answer = await admin(`/admin/approvals/${approval.id}`, {
          body: '{"decision":"allow"}',
          headers,
        });
        expect(answer.status).to.equal(415);
      });
    }

    for (const query of [
      "key_id=..%2f..%2fdata",
      "key_id=%2fetc",
      "key_id=_unauthorized%00",
      "date=..%2f..",
      "date=2026-01%00",
      "date=0000-00",
      "after=x",
      "level=%5B",
      `search=${"x".repeat(201)}`,
      "search=%00",
      "search=(a%2B)%2B%24",
      "before=%00",
      "before=bnVsbA",
      "limit=1e9",
      "limit=-1",
      `before=${Buffer.from('{"admin":9007199254740991}').toString("base64url")}`,
      `before=${Buffer.from('{"__proto__":1,"admin":-1,"constructor":1.5}').toString("base64url")}`,
      `before=${Buffer.from("[".repeat(5000)).toString("base64url")}`,
    ]) {
      it(`reads nothing outside the log folder with ${query.slice(0, 60)}`, async () => {
        const answer = await admin(`/admin/logs?${query}`);
        const text = await answer.text();
        expect([200, 400], text.slice(0, 200)).to.include(answer.status);
        expect(text).to.not.match(/root:|SQLite|ledger\.sqlite/);
      });
    }

    for (const name of [
      "constructor",
      "__proto__",
      "..%2f..%2fevil",
      ".%2fevil.js",
      "%2ftmp%2fevil.js",
      "evil@npm",
      "demo%00",
      "DEMO",
    ]) {
      it(`loads no code by the name ${name}`, async () => {
        const answer = await admin(`/admin/plugins/${name}/enable`, {
          method: "POST",
          headers: { "sec-fetch-site": "same-origin" },
        });
        expect(answer.status).to.equal(404);
      });
    }

    for (const [path, status] of [
      ["/admin/sessions?search=%25%25%25%25", 400],
      ["/admin/sessions?search=____", 400],
      ["/admin/sessions?key_id=' OR 1=1 --", 200],
      ["/admin/sessions?model='; DROP TABLE sessions; --", 200],
      ["/admin/sessions?page=1000001", 400],
      ["/admin/sessions/..%2fkeys", 404],
      ["/admin/costs?group_by=constructor", 400],
      ["/admin/costs?limit=401", 400],
      ["/admin/events?session=..%2f..", 400],
      ["/dashboard/..%2f..%2fpackage.json", 404],
      ["/dashboard/%5c..%5c..%5cpackage.json", 404],
      ["/dashboard/assets/", 404],
      ["/dashboard/index.html%00.js", 404],
    ] as const) {
      it(`GET ${path} is ${status}`, async () => {
        const answer = await admin(encodeURI(path).replaceAll("%25", "%"));
        const text = await answer.text();
        expect(answer.status, text.slice(0, 200)).to.equal(status);
        if (answer.status === 200) expect(JSON.parse(text).total).to.equal(0);
      });
    }

    it("redirects to this host only", async () => {
      for (const path of ["/dashboard", "/dashboard?//evil.example"]) {
        const answer = await fetch(gateway.url + path, { redirect: "manual" });
        expect(answer.headers.get("location")).to.equal("dashboard/");
      }
    });

    it("forbids framing, sniffing, caching and inline scripts", async () => {
      const page = await admin("/dashboard/");
      expect(page.headers.get("content-security-policy"))
        .to.include("frame-ancestors 'none'")
        .and.not.include("unsafe");
      expect(page.headers.get("x-content-type-options")).to.equal("nosniff");
      for (const path of ["/admin/overview", "/admin/costs.csv"]) {
        const data = await admin(path);
        expect(data.headers.get("cache-control")).to.equal("no-store");
        expect(data.headers.get("cross-origin-resource-policy")).to.equal("same-origin");
        expect(data.headers.get("x-content-type-options")).to.equal("nosniff");
        expect(data.headers.get("access-control-allow-origin")).to.equal(null);
      }
    });

    for (const body of [
      { decision: "allow", message: "x" },
      { decision: "deny", message: "" },
      { decision: "deny", message: "x".repeat(10_001) },
      { decision: "deny", scope: "session" },
      { decision: "deny", updated_input: {} },
      { decision: "allow", scope: "always" },
      { decision: "allow", updated_input: [1] },
      { decision: ["allow"] },
      { decision: "ALLOW" },
      [],
      "allow",
    ]) {
      it(`decides nothing by ${JSON.stringify(body).slice(0, 60)}`, async () => {
        const { approval } = await pending();
        const answer = await admin(`/admin/approvals/${approval.id}`, {
          body: JSON.stringify(body),
          headers: { "sec-fetch-site": "same-origin" },
        });
        expect(answer.status).to.equal(400);
        expect((await gateway.approvals.list())[0]?.status).to.equal("pending");
      });
    }
  });

  describe("with a signed link", () => {
    const form = { "content-type": "application/x-www-form-urlencoded" };

    it("shows the request as text and runs nothing of it", async () => {
      const { path } = await pending();
      const page = await ask(path);
      const html = await page.text();
      expect(html)
        .to.include("alert(2)")
        .and.not.include("<script")
        .and.not.include("<img")
        .and.not.include("\u202e");
      expect(page.headers.get("content-security-policy"))
        .to.include("default-src 'none'")
        .and.include("frame-ancestors 'none'");
      expect(page.headers.get("referrer-policy")).to.equal("no-referrer");
      expect(page.headers.get("cache-control")).to.equal("no-store");
    });

    for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"]) {
      it(`${method} decides nothing, however it is asked`, async () => {
        const { path, approval } = await pending();
        const answer = await ask(`${path}?decision=allow&scope=session`, { method });
        expect(answer.status).to.equal(method === "GET" || method === "HEAD" ? 200 : 405);
        expect((await gateway.approvals.list()).find(({ id }) => id === approval.id)?.status).to.equal(
          "pending",
        );
      });
    }

    for (const [what, alter] of [
      ["in capitals", (token: string) => token.toUpperCase()],
      ["with padding", (token: string) => `${token}=`],
      ["with a letter more", (token: string) => `${token}A`],
      ["with a letter less", (token: string) => token.slice(0, -1)],
      ["of another request", (token: string) => token.replace(/^[^.]+/, OTHER)],
      ["that expires later", (token: string) => token.replace(/\.[^.]+\./, ".zzzzzzz.")],
      ["that never expires", (token: string) => token.replace(/\.[^.]+\./, ".zzzzzzzzz.")],
      ["without a time", (token: string) => token.replace(/\.[^.]+\./, "..")],
      ["without a signature", (token: string) => token.replace(/[^.]+$/, "")],
      ["with a signature of zeros", (token: string) => token.replace(/[^.]+$/, "A".repeat(43))],
      ["with a NUL behind it", (token: string) => `${token}%00`],
      ["with a line behind it", (token: string) => `${token}%0a`],
      ["with a blank before it", (token: string) => `%20${token}`],
      ["that is only an id", (token: string) => token.replace(/\..*/, "")],
      ["twice", (token: string) => `${token}${token}`],
    ] as const) {
      it(`a token ${what} shows and decides nothing`, async () => {
        const { path } = await pending();
        const at = path.lastIndexOf("/") + 1;
        const altered = path.slice(0, at) + alter(path.slice(at));
        expect((await ask(altered)).status).to.equal(404);
        expect((await ask(altered, { body: "decision=allow", headers: form })).status).to.equal(404);
        expect((await gateway.approvals.list())[0]?.status).to.equal("pending");
      });
    }

    for (const body of [
      "",
      "decision=",
      "decision=ALLOW",
      "decision=yes",
      "decision[]=allow",
      "Decision=allow",
      `decision=deny&message=${"x".repeat(10_001)}`,
    ]) {
      it(`the form ${JSON.stringify(body.slice(0, 30))} decides nothing`, async () => {
        const { path } = await pending();
        expect((await ask(path, { method: "POST", body, headers: form })).status).to.equal(400);
        expect((await gateway.approvals.list())[0]?.status).to.equal("pending");
      });
    }

    it("refuses JSON and oversized bodies as a form", async () => {
      const { path } = await pending();
      expect((await ask(path, { body: { decision: "allow" } })).status).to.equal(415);
      const large = `decision=allow&message=${"x".repeat(70_000)}`;
      expect((await ask(path, { body: large, headers: form })).status).to.equal(413);
      expect((await gateway.approvals.list())[0]?.status).to.equal("pending");
    });

    it("accepts one of two simultaneous decisions", async () => {
      const { path } = await pending();
      const both = await Promise.all(
        ["allow", "deny", "allow", "deny"].map((one) =>
          ask(path, { body: `decision=${one}`, headers: form }),
        ),
      );
      expect(both.filter(({ status }) => status === 200).length).to.equal(1);
      expect(both.filter(({ status }) => status === 409).length).to.equal(3);
    });

    it("decides once, and shows nothing of the call after that", async () => {
      const { path, answer } = await pending();
      expect((await ask(path, { body: "decision=allow", headers: form })).status).to.equal(200);
      await answer;
      const again = await ask(path);
      expect(again.status).to.equal(410);
      expect(await again.text()).to.not.include("onerror");
      expect((await ask(path, { body: "decision=deny", headers: form })).status).to.equal(409);
    });

    it("gives access to nothing else: neither the API nor the admin API", async () => {
      const { path, approval } = await pending();
      const token = path.slice(path.lastIndexOf("/") + 1);
      for (const headers of [
        { authorization: `Bearer ${token}` },
        { cookie: `claudeway_admin=${token}` },
      ] as const)
        for (const other of ["/approvals", `/approvals/${approval.id}`, "/admin/approvals"])
          expect((await ask(other, { headers: { ...headers } })).status).to.equal(401);
    });

    it("never writes a token to a log", async () => {
      const { path } = await pending();
      const token = path.slice(path.lastIndexOf("/") + 1);
      await ask(path);
      await ask(`${path}/x`);
      await ask("/nowhere", { headers: { referer: gateway.url + path } });
      expect(JSON.stringify(gateway.logs)).to.not.include(token);
      const lines = await (await ask("/admin/logs?limit=1000", { key: "admin" })).text();
      expect(lines).to.not.include(token);
    });
  });
});
