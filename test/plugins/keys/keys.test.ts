import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { KeysGateway, type Reply } from "./kit.js";

const UNKNOWN = "ck-".padEnd(67, "0");

describe("keys made at run time", () => {
  let keys: KeysGateway;
  afterEach(() => keys.gateway.close());

  const statusAs = async (secret: string) => (await keys.as(secret, "/sessions")).status;
  const onKey = (id: string, action: string, body: object = {}): Promise<Reply> =>
    keys.request(`/admin/keys/${id}/${action}`, { body });
  const edit = (id: string, body: object) => keys.request(`/admin/keys/${id}`, { method: "PATCH", body });
  const remove = (id: string, query = "") => keys.request(`/admin/keys/${id}${query}`, { method: "DELETE" });

  it("are accepted by every kind of route, and own what they begin", async () => {
    keys = await KeysGateway.start();
    const { id, secret } = await keys.make();
    expect((await keys.as(secret, "/task", { body: { prompt: "hello" } })).body).to.include({
      success: true,
    });
    const apiKey = await keys.request("/session/start", {
      body: {},
      key: null,
      headers: { "x-api-key": secret },
    });
    expect(apiKey.status).to.equal(200);
    const { body } = await keys.as(secret, "/sessions");
    expect(body["total"]).to.equal(1);
    expect((await keys.request("/sessions")).body["total"]).to.equal(0);
    const session = `/session/${apiKey.body["session_id"]}`;
    expect((await keys.request(session)).status, "another key's").to.equal(404);
    const file = join(keys.gateway.dir, "logs", id, `${new Date().toISOString().slice(0, 7)}.log`);
    await eventually(
      "its log",
      () => existsSync(file) && readFileSync(file, "utf8").includes(`"key_id":"${id}"`),
    );
    expect(readFileSync(file, "utf8")).to.not.contain(secret);
  });

  it("show their secret once, and keep its hash only", async () => {
    keys = await KeysGateway.start();
    const { id, secret, body } = await keys.make({ name: "Ci / nightly", owner: "ann", tags: ["team:a"] });
    expect(secret).to.match(/^ck-[0-9a-f]{64}$/);
    expect(id).to.match(/^ci-nightly-[a-z2-9]{12}$/);
    expect(body).to.include({
      name: "Ci / nightly",
      owner: "ann",
      state: "active",
      created_by: "admin",
      last_used: null,
    });
    const shown = await keys.request(`/admin/keys/${id}`);
    const listed = await keys.request("/admin/keys");
    expect(JSON.stringify([shown.body, listed.body]))
      .to.not.contain('secret":')
      .and.not.contain(secret.slice(3));
    expect(shown.headers.get("cache-control")).to.equal("no-store");
    expect(JSON.stringify(keys.gateway.logs)).to.not.contain(secret.slice(3));
    for (const file of ["ledger.sqlite", "ledger.sqlite-wal"])
      expect(readFileSync(join(keys.gateway.dir, "data", file)).includes(secret.slice(3)), file).to.equal(
        false,
      );
  });

  it("are out with the next request when disabled, expired or deleted", async () => {
    keys = await KeysGateway.start({}, { controlTime: true });
    const { id, secret } = await keys.make();
    expect(await statusAs(secret)).to.equal(200);
    expect((await onKey(id, "disable")).body).to.include({ state: "disabled", cancelled_turns: 0 });
    const refused = await keys.as(secret, "/sessions");
    expect([refused.status, refused.body]).to.deep.equal([
      401,
      { error: "this key is disabled", code: "UNAUTHORIZED" },
    ]);
    expect(refused.headers.get("www-authenticate")).to.equal("Bearer");
    await onKey(id, "enable");
    expect(await statusAs(secret)).to.equal(200);
    await edit(id, { expires_at: new Date(Date.now() + 60_000).toISOString() });
    expect(await statusAs(secret)).to.equal(200);
    await keys.gateway.advance(61_000);
    expect((await keys.as(secret, "/sessions")).body["error"]).to.equal("this key has expired");
    expect((await edit(id, { expires_at: null })).body).to.include({ state: "active", expires_at: null });
    expect(await statusAs(secret)).to.equal(200);
    expect((await remove(id)).body).to.deep.equal({ deleted: true, key_id: id, cancelled_turns: 0 });
    expect((await keys.as(secret, "/sessions")).body["error"]).to.match(/^unknown key/);
    for (const one of [await keys.request(`/admin/keys/${id}`), await remove(id), await edit(id, {})])
      expect(one.status).to.equal(404);
  });

  it("get a new secret, beside the old one until its grace period ends", async () => {
    keys = await KeysGateway.start({}, { controlTime: true });
    const { id, secret: first } = await keys.make();
    const rotated = await onKey(id, "rotate", { grace_secs: 60 });
    const second = String(rotated.body["secret"]);
    expect([await statusAs(first), await statusAs(second)]).to.deep.equal([200, 200]);
    expect(Date.parse(String(rotated.body["old_secret_valid_until"]))).to.be.closeTo(
      Date.now() + 60_000,
      5000,
    );
    await keys.gateway.advance(61_000);
    expect([await statusAs(first), await statusAs(second)]).to.deep.equal([401, 200]);
    const third = String((await onKey(id, "rotate", { grace_secs: 60 })).body["secret"]);
    const fourth = String((await onKey(id, "rotate", { grace_secs: 60 })).body["secret"]);
    const statuses = [];
    for (const secret of [first, second, third, fourth]) statuses.push(await statusAs(secret));
    expect(statuses, "two secrets at most").to.deep.equal([401, 401, 200, 200]);
    const last = String((await onKey(id, "rotate", { grace_secs: 0 })).body["secret"]);
    expect([await statusAs(fourth), await statusAs(last)]).to.deep.equal([401, 200]);
  });

  it("are listed with usage, after the configured ones, page by page", async () => {
    keys = await KeysGateway.start();
    const { id, secret } = await keys.make({ tags: ["a"] });
    await keys.as(secret, "/task", { body: { prompt: "hello" } });
    await keys.make({ name: "later" });
    const { body } = await keys.request("/admin/keys");
    const listed = Object(body)["keys"];
    expect(
      listed.map((one: Reply["body"]) => [
        String(one["key_id"]).split("-")[0],
        one["configured"],
        one["admin"],
      ]),
    ).to.deep.equal([
      ["admin", true, true],
      ["user", true, false],
      ["later", false, false],
      ["ci", false, false],
    ]);
    expect(listed[3]).to.include({ key_id: id, total_requests: 1, state: "active" });
    expect(listed[3].last_used).to.match(/Z$/);
    const second = await keys.request("/admin/keys?page=2&limit=3");
    expect(second.body)
      .to.deep.include({ total: 4, page: 2, limit: 3 })
      .and.have.nested.property("keys.length", 1);
    for (const query of ["page=0", "limit=1001", "limit=x", "page=1&page=2"])
      expect((await keys.request(`/admin/keys?${query}`)).status, query).to.equal(400);
    await remove(id);
    const after = Object((await keys.request("/admin/keys")).body)["keys"];
    expect(after.at(-1), "a former one").to.include({
      key_id: id,
      configured: false,
      total_requests: 1,
      origin: "former",
      state: "former",
    });
    expect(after[0], "a configured one").to.not.have.property("state");
  });

  it("say what was wrong with a body", async () => {
    keys = await KeysGateway.start();
    const WRONG: readonly (readonly [object, RegExp])[] = [
      [{}, /^name must be a line of 1 to 64 characters, got nothing$/],
      [{ name: " " }, /^name must be/],
      [{ name: "a\nb" }, /^name must be/],
      [{ name: "x".repeat(65) }, /^name must be/],
      [{ name: "a", id: "admin" }, /^unknown field "id"; known fields: name, owner/],
      [{ name: "a", secret: "s" }, /^unknown field "secret"/],
      [{ name: "a", admin: true }, /^unknown field "admin"/],
      [
        { name: "a", __proto__: null, expires_at: "2020-01-01T00:00:00Z" },
        /^expires_at must be a time in the future/,
      ],
      [{ name: "a", expires_at: "tomorrow" }, /^expires_at must be a time/],
      [{ name: "a", expires_at: "2096-02-30T12:00:00Z" }, /^expires_at must be a time in the future/],
      [{ name: "a", expires_at: "2097-02-29T12:00:00+02:00" }, /^expires_at must be a time in the future/],
      [{ name: "a", models: [] }, /^models must be a list of 1 to 100 different items/],
      [{ name: "a", models: ["a", "a"] }, /^models must be/],
      [{ name: "a", permission_modes: ["bypassPermissions"] }, /each default or plan/],
      [{ name: "a", workdirs: ["srv"] }, /^workdirs must be a list .* absolute path/],
      [{ name: "a", workdirs: ["/srv/{a,b}"] }, /^workdirs must be/],
      [{ name: "a", max_running: 0 }, /^max_running must be an integer from 1 to 10000, got 0$/],
      [{ name: "a", max_running: 1.5 }, /^max_running must be/],
      [{ name: "a", allow: ["everything"] }, /^allow must be/],
      [{ name: "a", tags: "team" }, /^tags must be a list/],
      [{ name: "a", tags: Array.from({ length: 17 }, (_, n) => `t${n}`) }, /^tags must be/],
      [
        { name: "a", workdirs: Array.from({ length: 100 }, (_, n) => `/srv/${n}/${"d".repeat(400)}`) },
        /up to 32768 bytes/,
      ],
      [["a"], /^the body must be a JSON object$/],
    ];
    for (const [body, problem] of WRONG) {
      const reply = await keys.request("/admin/keys", { body });
      expect(reply.status, JSON.stringify(body).slice(0, 99)).to.equal(400);
      expect(reply.body["error"]).to.match(problem);
    }
    const { id } = await keys.make();
    for (const body of [{ name: null }, { key_id: "x" }, { enabled: false }, { tags: [1] }])
      expect((await edit(id, body)).status, JSON.stringify(body)).to.equal(400);
    for (const body of [{ grace_secs: -1 }, { grace_secs: 1e9 }, { grace: 1 }])
      expect((await onKey(id, "rotate", body)).status, JSON.stringify(body)).to.equal(400);
    expect((await onKey(id, "disable", { running: "kill" })).status).to.equal(400);
    expect((await remove(id, "?running=kill")).status).to.equal(400);
    expect(
      (await keys.request("/admin/keys", { body: "name=a", headers: { "content-type": "text/plain" } }))
        .status,
    ).to.equal(415);
  });

  it("change one setting at a time, and null removes it", async () => {
    keys = await KeysGateway.start();
    const { id } = await keys.make({ models: ["haiku"], max_running: 2, owner: "ann" });
    const { body } = await edit(id, { owner: null, tags: ["b"] });
    expect(body).to.deep.include({ owner: null, tags: ["b"], models: ["haiku"], max_running: 2, name: "ci" });
  });

  it("are at most max_keys, however many are made at once", async () => {
    keys = await KeysGateway.start({ max_keys: 25 });
    const made = await Promise.all(
      Array.from({ length: 60 }, () => keys.request("/admin/keys", { body: { name: "many" } })),
    );
    const ids = new Set(made.flatMap(({ status, body }) => (status === 201 ? [body["key_id"]] : [])));
    expect(ids.size).to.equal(25);
    const refused = made.filter(({ status }) => status === 409);
    expect(refused).to.have.length(35);
    expect(refused[0]?.body["error"]).to.equal(
      "there may be at most 25 keys ([plugins.keys] max_keys); delete some",
    );
    await remove(String([...ids][0]));
    await keys.make();
  });

  it("can do nothing to keys, and see themselves only", async () => {
    keys = await KeysGateway.start({}, { plugins: ["dashboard"] });
    const { id, secret } = await keys.make();
    const other = await keys.make();
    const TRIED: readonly (readonly [string, string])[] = [
      ["GET", "/admin/keys"],
      ["POST", "/admin/keys"],
      ["GET", `/admin/keys/${id}`],
      ["PATCH", `/admin/keys/${id}`],
      ["POST", `/admin/keys/${id}/rotate`],
      ["POST", `/admin/keys/${other.id}/disable`],
      ["DELETE", `/admin/keys/${other.id}`],
      ["GET", "/admin/overview"],
      ["GET", "/admin/keys/"],
    ];
    for (const [method, path] of TRIED) {
      const reply = await keys.as(secret, path, {
        method,
        ...(method === "POST" && { body: { name: "x" } }),
      });
      expect(reply.status, `${method} ${path}`).to.equal(path === "/admin/overview" ? 401 : 403);
    }
    const login = await keys.request("/admin/login", { body: { key: secret }, key: null });
    expect(login.status).to.equal(401);
    expect(await statusAs(other.secret)).to.equal(200);
    const { body } = await keys.as(secret, "/me");
    expect(body)
      .to.include({ key_id: id, admin: false, configured: false })
      .and.not.have.any.keys("secret", "created_by");
  });

  it("can't have the secret or the id of a configured key, or look like one", async () => {
    keys = await KeysGateway.start();
    const { id } = await keys.make({ name: "admin" });
    expect(id).to.match(/^admin-[a-z2-9]{12}$/);
    for (const path of ["/admin/keys/admin", "/admin/keys/user"]) {
      expect((await keys.request(path, { method: "DELETE" })).status, path).to.equal(404);
      expect((await keys.request(`${path}/rotate`, { body: {} })).status, path).to.equal(404);
    }
    for (const secret of [UNKNOWN, UNKNOWN.slice(0, -1), `${UNKNOWN}0`, UNKNOWN.toUpperCase(), "ck-"])
      expect(await statusAs(secret), secret).to.equal(401);
  });

  it("stay over a change of the settings, and are unknown while the plugin is off", async () => {
    keys = await KeysGateway.start();
    const { id, secret } = await keys.make({ models: ["haiku"] });
    const removed = await keys.make();
    await remove(removed.id);
    await statusAs(secret);
    await keys.gateway.disable("keys");
    expect(await statusAs(secret)).to.equal(401);
    expect((await keys.request("/sessions", { key: "user" })).status).to.equal(200);
    expect((await keys.request("/admin/keys")).status).to.equal(404);
    await keys.gateway.enable(["keys", { max_keys: 5 }]);
    expect([await statusAs(secret), await statusAs(removed.secret)]).to.deep.equal([200, 401]);
    const { body } = await keys.request(`/admin/keys/${id}`);
    expect(body).to.deep.include({ models: ["haiku"] });
    expect(body["last_used"]).to.match(/Z$/);
  });

  it("note in the log who did what", async () => {
    keys = await KeysGateway.start();
    const { id } = await keys.make();
    await onKey(id, "rotate");
    await edit(id, { owner: "ann" });
    await onKey(id, "disable");
    await onKey(id, "enable");
    await remove(id);
    const noted = keys.gateway.logs.flatMap((line) =>
      Object(line).action === undefined ? [] : [Object(line)],
    );
    expect(noted.map(({ action }) => action)).to.deep.equal([
      "created",
      "rotated",
      "changed",
      "disabled",
      "enabled",
      "deleted",
    ]);
    for (const line of noted) expect(line).to.include({ key_id: id, by: "admin" });
    const file = join(keys.gateway.dir, "logs", "admin", `${new Date().toISOString().slice(0, 7)}.log`);
    for (const path of [`/admin/keys/${id}/rotate`, `/admin/keys/${id}`])
      await eventually(
        path,
        () => existsSync(file) && readFileSync(file, "utf8").includes(`"path":"${path}"`),
      );
  });
});
