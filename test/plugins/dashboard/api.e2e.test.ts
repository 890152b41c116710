import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { KEYS, type TestGateway } from "../../e2e/gateway.js";
import { eventually } from "../../e2e/poll.js";
import { asker, listen, logIn, startWithDashboard } from "./admin.js";

const AT = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

describe("dashboard: the admin API", () => {
  let gateway: TestGateway;
  let cookie: string;
  let ask: ReturnType<typeof asker>;
  before(async () => {
    gateway = await startWithDashboard();
    cookie = await logIn(gateway);
    ask = asker(gateway, cookie);
  });
  after(() => gateway.dispose());

  async function startSession(key: string, model = "sonnet"): Promise<string> {
    const { body } = await gateway.request("/session/start", { body: { model }, key });
    return String(body["session_id"]);
  }

  it("overview, keys, costs and the session agree with what the model dealt", async () => {
    const id = await startSession(KEYS.bob);
    const first = await gateway.request(`/session/${id}`, { body: { prompt: "[[words 9]]" }, key: KEYS.bob });
    const second = await gateway.request("/task", { body: { prompt: "[[words 4]]" } });
    const [one, other] = [Number(first.body["cost_usd"]), Number(second.body["cost_usd"])];

    const overview = (await ask("/admin/overview")).body;
    expect(overview).to.include({
      total_requests: 2,
      active_sessions: 1,
      pending_approvals: 0,
      public_url: null,
    });
    expect(overview["total_cost_usd"]).to.be.closeTo(one + other, 1e-9);
    expect(overview["uptime_secs"]).to.be.within(0, 120);
    expect(overview["load"]).to.include({ running: 0, queued: 0 });
    expect(overview.models_breakdown).to.have.length(1);
    expect(overview.models_breakdown[0]).to.include({ request_count: 2 });

    const { keys } = (await ask("/admin/keys")).body;
    expect(keys.map((key) => [key["key_id"], key["admin"], key["total_requests"]])).to.deep.equal([
      ["admin", true, 1],
      ["bob", false, 1],
    ]);
    expect(keys[1]?.["total_cost_usd"]).to.be.closeTo(one, 1e-9);
    expect(keys[1]?.["last_used"]).to.match(AT);

    for (const group of ["daily", "weekly", "monthly"]) {
      const { data } = (await ask(`/admin/costs?group_by=${group}`)).body;
      expect(data).to.have.length(1);
      expect(data[0]).to.include({ request_count: 2 });
      expect(data[0]?.["by_key"]).to.have.deep.members([
        { key_id: "bob", cost_usd: one, cost_unpriced_turns: 0, request_count: 1 },
        { key_id: "admin", cost_usd: other, cost_unpriced_turns: 0, request_count: 1 },
      ]);
    }

    const session = (await ask(`/admin/sessions/${id}`)).body;
    expect(session).to.include({
      session_id: id,
      key_id: "bob",
      model: "sonnet",
      task_count: 1,
      running: false,
    });
    expect(session["tokens"]).to.deep.equal(first.body["tokens"]);
    const { turns, total } = (await ask(`/admin/sessions/${id}/turns`)).body;
    expect(total).to.equal(1);
    expect(turns[0]).to.include({ state: "completed", cost_usd: one, key_id: "bob" });
    expect(turns[0]?.["answer"]).to.include({ result: first.body["result"], success: true });
    expect(turns[0]?.["prompt"]).to.deep.equal({ text: "[[words 9]]", chars: 11 });
    const turn = (await ask(`/admin/turns/${turns[0]?.["turn_id"]}`)).body;
    expect(turn["answer"]).to.include({ result: first.body["result"] });
  });

  it("exports costs as CSV: per period one line for the total, each model and each key", async () => {
    const answer = await gateway.fetch("/admin/costs.csv?group_by=monthly", {
      key: null,
      headers: { cookie },
    });
    expect(answer.headers.get("content-type")).to.equal("text/csv; charset=utf-8");
    expect(answer.headers.get("content-disposition")).to.equal(
      'attachment; filename="claudeway-costs-monthly.csv"',
    );
    const lines = (await answer.text()).trimEnd().split("\r\n");
    expect(lines[0]).to.equal("period_utc,of,name,requests,cost_usd");
    expect(lines.slice(1).map((line) => line.split(",")[1])).to.deep.equal(["total", "model", "key", "key"]);
    const cost = (of: string) =>
      lines
        .filter((line) => line.split(",")[1] === of)
        .reduce((sum, line) => sum + Number(line.split(",")[4]), 0);
    expect(cost("total")).to.be.greaterThan(0).and.closeTo(cost("key"), 1e-9);
    expect(cost("model")).to.be.closeTo(cost("total"), 1e-9);
  });

  it("pages sessions, filters them by key and model, and finds them by id prefix", async () => {
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push(await startSession(KEYS.admin, "haiku"));
    const page = async (query: string) => (await ask(`/admin/sessions${query}`)).body;
    const idsOf = (body: { sessions: readonly Record<string, unknown>[] }) =>
      body.sessions.map((s) => s["session_id"]);
    expect(await page("?model=haiku&limit=2&page=2")).to.include({ total: 5, page: 2, limit: 2 });
    expect(idsOf(await page("?model=haiku&limit=2&page=2"))).to.deep.equal([ids[2], ids[1]]);
    expect(await page("?key_id=bob")).to.include({ total: 1 });
    expect(await page("?key_id=bob&model=haiku")).to.include({ total: 0 });
    expect(idsOf(await page(`?search=${ids[3]?.slice(0, 8)}`))).to.deep.equal([ids[3]]);
    expect(await page(`?search=${ids[3]}&key_id=bob`)).to.include({ total: 0 });
    expect((await page(""))["models"]).to.deep.equal(["haiku", "sonnet"]);
    for (const id of ids) {
      expect((await ask(`/admin/sessions/${id}`, { method: "DELETE" })).body).to.deep.equal({
        deleted: true,
        session_id: id,
      });
    }
    expect((await ask(`/admin/sessions/${ids[0]}`)).status).to.equal(404);
    expect((await page(""))["models"]).to.deep.equal(["sonnet"]);
  });

  it("refuses a bad parameter with 400 and says what is allowed", async () => {
    const wrong = {
      "/admin/sessions?limit=0": 'limit must be an integer from 1 to 1000, got "0"',
      "/admin/sessions?page=x": 'page must be an integer from 1 to 1000000, got "x"',
      "/admin/sessions?search=abc":
        'search must be the first four or more characters of a session\'s id, got "abc"',
      "/admin/costs?group_by=hourly": 'group_by must be daily, weekly or monthly, got "hourly"',
      "/admin/logs?date=../..": 'date must be a month or a day, such as 2026-03 or 2026-03-12, got "../.."',
      "/admin/logs?level=LOUD": 'level must be INFO, WARN or ERROR, got "LOUD"',
      "/admin/logs?key_id=a&key_id=b": "key_id must be given once, got 2 values",
      "/admin/approvals?status=lost":
        'status must be pending, allowed, denied, expired or withdrawn, got "lost"',
      "/admin/logs?before=!": "before must be the value from an earlier response",
    };
    for (const [path, error] of Object.entries(wrong)) {
      expect((await ask(path)).body, path).to.include({ error, code: "BAD_REQUEST" });
    }
    for (const path of ["/admin/sessions/x", "/admin/turns/x", "/admin/approvals/x", "/admin/nothing"]) {
      expect((await ask(path)).status, path).to.equal(404);
    }
    expect((await ask("/admin/overview", { method: "PUT" })).status).to.equal(405);
  });

  it("lists log lines newest first, by key, with a cursor to older ones", async () => {
    const { entries, total, before } = await eventually("lines", async () => {
      const { body } = await ask("/admin/logs?key_id=bob&limit=1");
      return (
        body.entries.length === 1 && { entries: body.entries, total: body["total"], before: body["before"] }
      );
    });
    expect(total).to.equal(1);
    expect(entries[0]).to.include({ key_id: "bob" });
    const older = (await ask(`/admin/logs?key_id=bob&limit=100&before=${before}`)).body;
    const ids = [...entries, ...older.entries].map((entry) => entry["id"]);
    expect(new Set(ids).size).to.equal(ids.length).and.greaterThan(2);
    expect(older["before"]).to.equal(null);
    expect((await ask("/admin/logs?key_id=..")).body.entries).to.deep.equal([]);
  });

  it("streams changes and a session's running text as server-sent events", async () => {
    const id = await startSession(KEYS.bob);
    const feed = await listen(gateway, cookie, `?session=${id}`);
    expect(feed.response.headers.get("content-type")).to.equal("text/event-stream; charset=utf-8");
    const prompt = "[[slow 40]] [[words 30]]";
    const answer = gateway.request(`/session/${id}`, { body: { prompt }, key: KEYS.bob });
    await eventually("text", () => feed.heard.some(({ event }) => event === "text"));
    expect((await ask(`/admin/sessions/${id}`)).body).to.include({ running: true });
    expect((await ask("/admin/turns")).body.turns[0]).to.include({ session_id: id, state: "running" });
    const { result } = (await answer).body;
    await eventually(
      "the log",
      () => feed.notified("logs") && feed.notified("turns") && feed.notified("sessions"),
    );
    const heard = () =>
      feed.heard
        .filter(({ event }) => event === "text")
        .map(({ data }) => JSON.parse(data))
        .reduce((text, { at, text: more }) => text.slice(0, at) + more, "");
    await eventually("all of the text", () => heard() === result);
    await feed.close();
  });

  it("interrupts a running turn on behalf of its key", async () => {
    const id = await startSession(KEYS.bob);
    const answer = gateway.request(`/session/${id}`, {
      body: { prompt: "[[words 2]] [[hang]]" },
      key: KEYS.bob,
    });
    await eventually("it runs", async () => (await ask(`/admin/sessions/${id}`)).body["running"] === true);
    const ended = eventually("interrupted", async () => {
      const { body } = await ask(`/admin/sessions/${id}/interrupt`, { method: "POST" });
      return body["interrupted"] === true;
    });
    await ended;
    expect((await answer).body).to.include({ success: false });
  });

  it("disables and enables a plugin by name only, with its routes", async () => {
    const plugins = async () => (await ask("/admin/plugins")).body.plugins;
    const own = (await plugins()).find(({ name }) => name === "dashboard");
    expect(own).to.include({ state: "on", enabled: true, last_error: null });
    expect(own?.["needs"]).to.deep.equal(["control", "turns", "approvals", "keys"]);
    expect((await plugins()).find(({ name }) => name === "demo")).to.include({
      state: "off",
      description: "A scripted model on loopback: Claudeway works with no account and costs nothing.",
    });
    const change = (path: string) => ask(`/admin/plugins/${path}`, { method: "POST" });
    expect((await change("demo/enable")).body["plugin"]).to.include({ name: "demo", state: "on" });
    expect((await change("demo/disable")).body["plugin"]).to.include({ name: "demo", state: "off" });
    const fixture = join(gateway.dir, "stranger");
    cpSync(fileURLToPath(new URL("../../fixtures/plugins/good", import.meta.url)), fixture, {
      recursive: true,
    });
    for (const name of [
      encodeURIComponent(fixture),
      encodeURIComponent("./stranger"),
      "@claudeway%2Fplugin-demo",
    ]) {
      expect((await change(`${name}/enable`)).status, name).to.equal(404);
    }
  });

  it("reloads the file; refuses a broken one with 409 and the place of the error", async () => {
    const { writeFileSync } = await import("node:fs");
    writeFileSync(join(gateway.dir, "claudeway.toml"), "[plugins.demo]\nenabled = 7\n");
    const { status, body } = await ask("/admin/plugins/reload", { method: "POST" });
    expect(status).to.equal(409);
    expect(body["error"]).to.include("plugins.demo.enabled");
    writeFileSync(join(gateway.dir, "claudeway.toml"), "[plugins.demo]\nenabled = true\n");
    const report = (await ask("/admin/plugins/reload", { method: "POST" })).body;
    expect(report).to.deep.include({ started: ["demo"], failed: [] });
  });

  it("serves pages compressed, cached by content, with a strict content security policy", async () => {
    const page = await gateway.fetch("/dashboard/", { key: null });
    const policy = page.headers.get("content-security-policy")?.split("; ");
    const closed = ["default-src", "base-uri", "form-action", "frame-ancestors"].map(
      (name) => `${name} 'none'`,
    );
    expect(policy).to.include.members([...closed, "script-src 'self'", "style-src 'self'"]);
    expect(page.headers.get("cache-control")).to.equal("no-cache");
    const html = await page.text();
    expect(html).to.not.match(/<script>|style=|\son\w+=|https?:/);
    const script = /src="\.\/(assets\/[^"]+\.js)"/.exec(html)?.[1];
    const asset = await gateway.fetch(`/dashboard/${script}`, { key: null });
    expect(asset.headers.get("cache-control")).to.equal("public, max-age=31536000, immutable");
    expect(asset.headers.get("content-encoding")).to.equal("gzip");
    const etag = page.headers.get("etag") ?? "";
    const again = await gateway.fetch("/dashboard/", {
      key: null,
      headers: { "if-none-match": etag, "cache-control": "max-age=0" },
    });
    expect(again.status).to.equal(304);
    const slashless = await gateway.fetch("/dashboard", { key: null });
    expect(new URL(slashless.url).pathname).to.equal("/dashboard/");
    expect((await gateway.request("/dashboard/../../etc/passwd", { key: null })).status).to.be.within(
      401,
      404,
    );
    expect((await gateway.request("/dashboard/%2e%2e/package.json", { key: null })).status).to.be.within(
      401,
      404,
    );
  });
});
