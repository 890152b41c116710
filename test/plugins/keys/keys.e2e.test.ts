import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import WebSocket from "ws";
import { TestGateway } from "../../e2e/gateway.js";
import { eventually } from "../../e2e/poll.js";

interface Made {
  readonly key_id: string;
  readonly secret: string;
}

/** The real command, CLI and ledger. */
describe("keys: the whole way", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({
      args: ["--enable-plugin", "keys"],
      env: { IS_SANDBOX: "1" },
      config: "[engine]\nspares = 0\nmax_running = 4\n[plugins.keys]\nmax_keys = 50\n",
    });
  });
  after(() => gateway.dispose());

  async function make(settings: object = {}): Promise<Made> {
    const { status, body } = await gateway.request("/admin/keys", { body: { name: "load", ...settings } });
    expect(status, JSON.stringify(body)).to.equal(201);
    return { key_id: String(body["key_id"]), secret: String(body["secret"]) };
  }
  const statusOf = async (key: string) => (await gateway.request("/sessions", { key })).status;

  /** 20 clients in a loop. Each request is noted with when it was sent, and its status. */
  function load(secrets: () => string) {
    const seen: { readonly sentAt: number; readonly secret: string; readonly status: number }[] = [];
    /** The secret of each client's last request. */
    const pending: string[] = [];
    let over = false;
    const clients = Array.from({ length: 20 }, async (_, client) => {
      while (!over) {
        const [sentAt, secret] = [performance.now(), secrets()];
        pending[client] = secret;
        seen.push({ sentAt, secret, status: await statusOf(secret) });
      }
    });
    const end = async () => {
      over = true;
      await Promise.all(clients);
      return seen;
    };
    return { seen, pending, end };
  }

  it("admits no request that is sent after the answer to a DELETE", async () => {
    for (let round = 0; round < 3; round++) {
      const { key_id: id, secret } = await make();
      const { seen, end } = load(() => secret);
      await eventually("requests before", () => seen.length > 40);
      expect((await gateway.request(`/admin/keys/${id}`, { method: "DELETE" })).status).to.equal(200);
      const deletedAt = performance.now();
      const late = () => seen.filter(({ sentAt }) => sentAt > deletedAt);
      await eventually("requests after", () => late().length > 40);
      await end();
      expect(seen.filter(({ status }) => status === 200).length).to.be.greaterThan(20);
      expect(new Set(late().map(({ status }) => status))).to.deep.equal(new Set([401]));
    }
  });

  it("fails no request while a key is rotated with a grace period, and every one with the old secret after one of 0", async () => {
    const made = await make();
    let current = made.secret;
    const { seen, pending, end } = load(() => current);
    for (let round = 0; round < 10; round++) {
      const { body } = await gateway.request(`/admin/keys/${made.key_id}/rotate`, {
        body: { grace_secs: 60 },
      });
      // The next rotation ends the secret before this one, so no request may still be on its way with it.
      const before = current;
      current = String(body["secret"]);
      const follows = () => !pending.includes(before) && seen.at(-1)?.secret === current;
      await eventually("the clients to follow", follows);
    }
    await end();
    expect(new Set(seen.map(({ status }) => status))).to.deep.equal(new Set([200]));
    expect(new Set(seen.map(({ secret }) => secret)).size).to.be.greaterThan(5);
    await gateway.request(`/admin/keys/${made.key_id}/rotate`, { body: { grace_secs: 0 } });
    expect(await statusOf(current)).to.equal(401);
  });

  it("runs turns of the real CLI, on streams and WebSockets, and lets them finish", async () => {
    const { key_id: id, secret } = await make({ models: ["haiku"] });
    const refused = await gateway.request("/task", { body: { prompt: "[[say hello]]" }, key: secret });
    expect([refused.status, refused.body["error"]]).to.deep.equal([
      403,
      'model must be one that this key may use (haiku), got "sonnet"',
    ]);
    const dealt = gateway.model.dealt().length;
    const running = gateway.request("/task", {
      body: { prompt: "[[say slow 20]]", model: "haiku" },
      key: secret,
    });
    await eventually("the model's answer", () => gateway.model.dealt().length > dealt);
    await gateway.request(`/admin/keys/${id}`, { method: "DELETE" });
    expect(await statusOf(secret)).to.equal(401);
    expect((await running).body).to.include({ success: true });

    const own = await make();
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/task/ws`, {
      headers: { "x-api-key": own.secret },
    });
    const events: string[] = [];
    socket.on("open", () => socket.send(JSON.stringify({ prompt: "[[say hello]]" })));
    socket.on("message", (data) => events.push(Object(JSON.parse(String(data))).event));
    await new Promise((resolve, reject) => socket.once("close", resolve).once("error", reject));
    expect(events.at(-1)).to.equal("done");
    await gateway.request(`/admin/keys/${own.key_id}`, { method: "DELETE" });
    const late = new WebSocket(`${gateway.url.replace("http", "ws")}/task/ws`, {
      headers: { "x-api-key": own.secret },
    });
    const status = await new Promise((resolve) => {
      late.once("unexpected-response", (_request, response) => resolve(response.statusCode));
      late.once("error", () => undefined);
    });
    expect(status).to.equal(401);
  });

  it("a slash command that changes the model is no way around the models of a key", async () => {
    const { secret } = await make({ models: ["sonnet"] });
    const { body } = await gateway.request("/session/start", { body: {}, key: secret });
    const path = `/session/${body["session_id"]}`;
    await gateway.request(path, { body: { prompt: "[[say begin]]" }, key: secret });
    for (const prompt of ["/model opus", "  /model  opus ", [{ type: "text", text: "/model opus" }]]) {
      const refused = await gateway.request(path, { body: { prompt }, key: secret });
      expect([refused.status, refused.body["error"]]).to.deep.equal([
        403,
        'model must be one that this key may use (sonnet), got "opus"',
      ]);
    }
    for (const prompt of ["[[say again]]", "/model sonnet", "[[say still]]"]) {
      const next = await gateway.request(path, { body: { prompt }, key: secret });
      expect([next.status, next.body["success"]], prompt).to.deep.equal([200, true]);
    }
  });

  it("keeps keys, sessions and revocations over kill -9", async () => {
    const [kept, gone] = [await make({ tags: ["a"] }), await make()];
    const { body } = await gateway.request("/session/start", { body: {}, key: kept.secret });
    const { body: rotated } = await gateway.request(`/admin/keys/${kept.key_id}/rotate`, {
      body: { grace_secs: 600 },
    });
    await gateway.request(`/admin/keys/${gone.key_id}`, { method: "DELETE" });
    await gateway.stop("SIGKILL");
    await gateway.launch();
    expect(await statusOf(gone.secret)).to.equal(401);
    expect(await statusOf(kept.secret)).to.equal(200);
    const session = await gateway.request(`/session/${body["session_id"]}`, {
      key: String(rotated["secret"]),
    });
    expect(session.status).to.equal(200);
    const shown = await gateway.request(`/admin/keys/${kept.key_id}`);
    expect(shown.body).to.deep.include({ tags: ["a"], state: "active" });
    const file = join(gateway.logDir, "admin", `${new Date().toISOString().slice(0, 7)}.log`);
    const line = `/admin/keys/${kept.key_id}"`;
    await eventually("the audit line", () => readFileSync(file, "utf8").includes(line));
    expect(readFileSync(file, "utf8")).to.not.contain(kept.secret);
    expect(gateway.stdout + gateway.stderr).to.not.contain(kept.secret);
  });
});
