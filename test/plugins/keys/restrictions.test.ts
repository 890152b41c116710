import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { definePlugin } from "@claudeway/core";
import { expect } from "chai";
import { KeysGateway } from "./kit.js";

describe("restrictions of keys made at run time", () => {
  let keys: KeysGateway;
  let secret: string;
  let id: string;
  afterEach(() => keys.gateway.close());

  async function start(
    settings: object,
    options: Parameters<typeof KeysGateway.start>[1] = {},
  ): Promise<void> {
    keys = await KeysGateway.start({}, options);
    ({ id, secret } = await keys.make(settings));
  }
  async function task(fields: object = {}) {
    const { status, body } = await keys.as(secret, "/task", { body: { prompt: "hello", ...fields } });
    return { status, error: body["error"], details: body["details"] };
  }

  describe("models", () => {
    it("name the refused model and those that are allowed, also of the default", async () => {
      await start({ models: ["haiku", "claude-haiku-*"] });
      expect(await task({ model: "opus" })).to.deep.equal({
        status: 403,
        error: 'model must be one that this key may use (haiku, claude-haiku-*), got "opus"',
        details: { model: "opus", allowed: ["haiku", "claude-haiku-*"] },
      });
      expect((await task()).error, "the default").to.match(/got "sonnet"$/);
      expect((await task({ model: "haiku" })).status).to.equal(200);
      expect((await task({ model: "claude-haiku-4-5" })).status).to.equal(200);
      for (const model of ["haiku[1m]", "Haiku", " haiku", "haiku,opus", "claude-haiku", "*"])
        expect((await task({ model })).status, model).to.be.oneOf([400, 403]);
      const admin = await keys.request("/task", { body: { prompt: "hello", model: "opus" } });
      expect(admin.status).to.equal(200);
    });

    it("hold for sessions, fallbacks and agents", async () => {
      await start({ models: ["haiku"], allow: ["agents"] });
      const agents = (model: string) => ({ agents: { a: { description: "d", prompt: "p", model } } });
      expect((await task({ model: "haiku", fallback_model: "haiku" })).status).to.equal(200);
      expect((await task({ model: "haiku", fallback_model: "haiku,opus" })).error).to.match(/got "opus"$/);
      expect((await task({ model: "haiku", ...agents("inherit") })).status).to.equal(200);
      expect((await task({ model: "haiku", ...agents("opus") })).error).to.match(/got "opus"$/);
      const session = await keys.as(secret, "/session/start", { body: { model: "opus" } });
      const path = `/session/${session.body["session_id"]}`;
      expect((await keys.as(secret, path, { body: { prompt: "hello" } })).status).to.equal(403);
      expect((await keys.as(secret, path, { body: { prompt: "hello", model: "haiku" } })).status).to.equal(
        200,
      );
      await keys.as(secret, path, { method: "PATCH", body: { model: "haiku", fallback_model: "opus" } });
      expect(
        (await keys.as(secret, path, { body: { prompt: "hello" } })).status,
        "by the session's default",
      ).to.equal(403);
    });

    it("end a stream with the refusal", async () => {
      await start({ models: ["haiku"] });
      const response = await keys.gateway.fetch("/task/stream", {
        body: { prompt: "hello" },
        key: null,
        headers: { "x-api-key": secret },
      });
      const text = await response.text();
      expect(text)
        .to.match(/event: done/)
        .and.contain('"code":"FORBIDDEN"')
        .and.contain('got \\"sonnet\\"');
    });

    it("change with the next request", async () => {
      await start({ models: ["haiku"] });
      expect((await task()).status).to.equal(403);
      await keys.request(`/admin/keys/${id}`, { method: "PATCH", body: { models: null } });
      expect((await task()).status).to.equal(200);
    });
  });

  it("on permission modes hold for the default too", async () => {
    await start({ permission_modes: ["plan"] });
    expect(await task()).to.deep.equal({
      status: 403,
      error: 'permission_mode must be one that this key may use (plan), got "default"',
      details: { permission_mode: "default", allowed: ["plan"] },
    });
    expect((await task({ permission_mode: "plan" })).status).to.equal(200);
    await keys.request(`/admin/keys/${id}`, { method: "PATCH", body: { permission_modes: ["default"] } });
    expect((await task({ permission_mode: "plan" })).status).to.equal(403);
    expect((await task()).status).to.equal(200);
  });

  it("on folders and fields are core's own", async () => {
    await start({});
    const [mine, others] = ["mine", "others"].map((name) => join(keys.gateway.dir, name));
    for (const folder of [mine, others]) mkdirSync(folder ?? "");
    await keys.request(`/admin/keys/${id}`, { method: "PATCH", body: { workdirs: [`${mine}/**`] } });
    expect((await task({ workdir: mine })).status).to.equal(200);
    expect(await task({ workdir: others })).to.deep.include({ status: 400 });
    expect((await task({ tools: ["Read"] })).error).to.equal(
      `tools must be allowed for the key: key ${id}: allow must contain "tools"`,
    );
    await keys.request(`/admin/keys/${id}`, { method: "PATCH", body: { allow: ["tools"] } });
    expect((await task({ tools: ["Read"] })).status).to.equal(200);
  });

  it("on turns at once make further turns wait", async () => {
    let [running, most] = [0, 0];
    await start(
      { max_running: 2 },
      {
        config: { engine: { max_running: 10, max_queued: 100 } },
        async *replies() {
          most = Math.max(most, ++running);
          yield { wait: 20 };
          running--;
          yield "done";
        },
      },
    );
    const all = await Promise.all(Array.from({ length: 6 }, () => task()));
    expect(all.map(({ status }) => status)).to.deep.equal([200, 200, 200, 200, 200, 200]);
    expect(most).to.equal(2);
  });

  it("are shown to the key by GET /me, and those of configured keys as well", async () => {
    await start(
      { models: ["haiku"], tags: ["a"], max_running: 3, expires_at: "2099-01-01T00:00:00+01:00" },
      {
        config: {
          keys: {
            admin: { secret: "sk-admin-0123456789" },
            user: { secret: "sk-user-0123456789", max_running: 2 },
          },
        },
      },
    );
    expect((await keys.as(secret, "/me")).body).to.deep.equal({
      key_id: id,
      admin: false,
      configured: false,
      name: "ci",
      owner: null,
      tags: ["a"],
      expires_at: "2098-12-31T23:00:00.000Z",
      models: ["haiku"],
      permission_modes: null,
      workdirs: null,
      max_running: 3,
      allow: [],
    });
    const user = await keys.as("sk-user-0123456789", "/me");
    expect(user.body).to.deep.include({ key_id: "user", configured: true, max_running: 2, models: null });
    expect((await keys.request("/me", { key: null })).status).to.equal(401);
  });

  it("are shown with what is left of budgets, if limits is on", async () => {
    await start({ tags: ["web"] });
    await keys.gateway.enable([
      "limits",
      { budgets: [{ name: "web", usd: 5, window: "all", tags: ["web"], per: "tag" }] },
    ]);
    const { body } = await keys.as(secret, "/me");
    expect(body["limits"]).to.have.length(1);
    expect(Object(body)["limits"][0]).to.include({
      limit: "budget:web",
      subject: "tag:web",
      allowed: 5,
      left: 5,
    });
    expect((await keys.request("/me", { key: "user" })).body["limits"]).to.deep.equal([]);
    await keys.gateway.disable("limits");
    expect((await keys.as(secret, "/me")).body).to.not.have.property("limits");
  });

  it("are a 500 of the plugin's that describes a key wrongly", async () => {
    const wrong = definePlugin<object>({
      name: "wrong",
      apiVersion: 1,
      configSchema: { type: "object" },
      apply(kernel) {
        kernel.hooks.describeKey.tap("list", (description) => Object([description]));
      },
    });
    await start({}, { plugins: [wrong] });
    expect((await keys.as(secret, "/me")).status).to.equal(500);
    expect(keys.gateway.plugins().find(({ name }) => name === "wrong")?.faults).to.equal(1);
  });
});
