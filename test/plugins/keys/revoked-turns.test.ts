import { definePlugin, type LedgerView, type TurnRunner } from "@claudeway/core";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { rejectionMessage } from "../../kernel/kit.js";
import { KeysGateway } from "./kit.js";

describe("turns of keys that are revoked", () => {
  let keys: KeysGateway;
  let turns: TurnRunner;
  let ledger: LedgerView;
  const runner = definePlugin<object, "turns">({
    name: "runner",
    apiVersion: 1,
    configSchema: { type: "object" },
    needs: ["turns"],
    apply(kernel) {
      ({ turns, ledger } = kernel);
    },
  });
  afterEach(() => keys.gateway.close());

  async function start(section: object, controlTime = false): Promise<void> {
    keys = await KeysGateway.start(
      { ...section },
      {
        plugins: [runner],
        controlTime,
        config: { engine: { max_running: 10 } },
        async *replies({ prompt }) {
          yield "begun ";
          if (prompt === "hang") yield { wait: "for good" };
          yield { wait: 200 };
          yield "ended";
        },
      },
    );
  }
  async function begun(secret: string, prompt: string) {
    const turn = keys.as(secret, "/task", { body: { prompt, timeout_secs: 60 } });
    await eventually("the turn", async () => (await ledger.running()).length > 0);
    return turn.then(({ body }) => body);
  }
  const running = async (secret: string, prompt: string) => ({ answer: begun(secret, prompt) });
  const remove = (id: string, query = "") => keys.request(`/admin/keys/${id}${query}`, { method: "DELETE" });

  async function withTurn(section: object, prompt: string, revoke: (id: string) => Promise<unknown>) {
    await start(section);
    const { id, secret } = await keys.make();
    const { answer } = await running(secret, prompt);
    await eventually("the turn", async () => (await ledger.running()).length > 0);
    const revoked = await revoke(id);
    expect((await keys.as(secret, "/sessions")).status).to.equal(401);
    return { revoked: Object(revoked).body, answer: await answer, id };
  }

  it("finish, unless something else is configured", async () => {
    const { revoked, answer, id } = await withTurn({}, "hello", (key) => remove(key));
    expect(revoked.cancelled_turns).to.equal(0);
    expect(answer).to.include({ success: true, result: "begun ended" });
    const totals = await ledger.byKey();
    expect(totals.map(({ keyId }) => keyId)).to.deep.equal([id]);
  });

  it("are interrupted with on_revoke = cancel", async () => {
    const { revoked, answer } = await withTurn({ on_revoke: "cancel" }, "hang", (key) => remove(key));
    expect(revoked.cancelled_turns).to.equal(1);
    expect(answer).to.include({ success: false });
    expect(await ledger.running()).to.deep.equal([]);
  });

  it("are interrupted if the request says so, and only those of that key", async () => {
    await start({});
    const [one, other] = [await keys.make(), await keys.make()];
    const hung = keys.as(one.secret, "/task", { body: { prompt: "hang" } });
    const good = keys.as(other.secret, "/task", { body: { prompt: "hello" } });
    await eventually("two turns", async () => (await ledger.running()).length === 2);
    const { body } = await keys.request(`/admin/keys/${one.id}/disable`, { body: { running: "cancel" } });
    expect(body["cancelled_turns"]).to.equal(1);
    expect((await hung).body).to.include({ success: false });
    expect((await good).body).to.include({ success: true });
  });

  it("finish although they would be cancelled, if the request says so", async () => {
    const { answer } = await withTurn({ on_revoke: "cancel" }, "hello", (key) =>
      remove(key, "?running=finish"),
    );
    expect(answer).to.include({ success: true });
  });

  it("are interrupted although their key was deleted before, if a later request says so", async () => {
    const { answer, revoked } = await withTurn({}, "hang", async (key) => {
      expect((await remove(key)).body).to.include({ cancelled_turns: 0 });
      return remove(key, "?running=cancel");
    });
    expect(revoked).to.include({ deleted: true, cancelled_turns: 1 });
    expect(answer).to.include({ success: false });
    expect((await remove("unknown-1", "?running=cancel")).status).to.equal(404);
  });

  it("are interrupted soon after their key has expired", async () => {
    await start({ on_revoke: "cancel" }, true);
    const { id, secret } = await keys.make({ expires_at: new Date(Date.now() + 30_000).toISOString() });
    const { answer } = await running(secret, "hang");
    await eventually("the turn", async () => (await ledger.running()).length > 0);
    await keys.gateway.advance(40_000);
    expect(await answer).to.include({ success: false });
    expect((await keys.request(`/admin/keys/${id}`)).body).to.include({ state: "expired" });
  });

  it("are interrupted if their key expired while the plugin was off", async () => {
    const section = { on_revoke: "cancel" };
    await start(section, true);
    const { secret } = await keys.make({ expires_at: new Date(Date.now() + 30_000).toISOString() });
    const { answer } = await running(secret, "hang");
    await eventually("the turn", async () => (await ledger.running()).length > 0);
    await keys.gateway.disable("keys");
    await keys.gateway.advance(31_000);
    await keys.gateway.enable(["keys", section]);
    await keys.gateway.advance(6000);
    expect(await answer).to.include({ success: false });
  });

  it("do not begin when a plugin starts them", async () => {
    await start({});
    const [deleted, disabled, active] = [
      await keys.make(),
      await keys.make(),
      await keys.make({ models: ["haiku"] }),
    ];
    await remove(deleted.id);
    await keys.request(`/admin/keys/${disabled.id}/disable`, { body: {} });
    const run = async (keyId: string) => (await (await turns.task(keyId, { prompt: "hello" })).answer).error;
    expect(await run(deleted.id)).to.equal(`the key ${deleted.id} was deleted`);
    expect(await run(disabled.id)).to.equal(`the key ${disabled.id} is disabled`);
    expect(await run(active.id)).to.match(/^model must be one that this key may use/);
    expect(await rejectionMessage(turns.task(deleted.id, { prompt: "hello", workdir: "/srv" }))).to.match(
      /workdir/,
    );
    // Over a restart of the plugin, too.
    await keys.gateway.disable("keys");
    await keys.gateway.enable(["keys", {}]);
    expect(await run(deleted.id)).to.equal(`the key ${deleted.id} was deleted`);
  });
});

describe("parked turns of keys that are revoked", () => {
  type Revoke = (keys: KeysGateway, id: string) => Promise<unknown>;
  const remove =
    (query = ""): Revoke =>
    (keys, id) =>
      keys.request(`/admin/keys/${id}${query}`, { method: "DELETE" });
  const disable =
    (body: object): Revoke =>
    (keys, id) =>
      keys.request(`/admin/keys/${id}/disable`, { body });
  const enable: Revoke = (keys, id) => keys.request(`/admin/keys/${id}/enable`, { body: {} });

  /** How a parked turn ends that is decided after these changes of its key. */
  async function decided(section: object, ...changes: readonly Revoke[]) {
    const keys = await KeysGateway.start(
      { ...section },
      {
        plugins: [["approval", { live_wait_secs: 0 }]],
        *replies() {
          const call = yield { tool: "Bash", input: { command: "make" } };
          yield call?.allowed ? "made" : "not made";
        },
      },
    );
    try {
      const { id, secret } = await keys.make();
      const { body } = await keys.as(secret, "/task", { body: { prompt: "hello", detach: true } });
      expect(body).to.have.property("pending_approval");
      const { id: approval, turnId } = await keys.gateway.approvals.next();
      for (const change of changes) await change(keys, id);
      await keys.gateway.approvals.decide(approval, "allow");
      const admin = definePlugin<object>({
        name: "reader",
        apiVersion: 1,
        configSchema: { type: "object" },
        apply(kernel) {
          ledger = kernel.ledger;
        },
      });
      let ledger: LedgerView | undefined;
      await keys.gateway.enable(admin);
      await eventually("its end", async () => (await ledger?.turn(turnId))?.ended !== undefined);
      return (await ledger?.turn(turnId))?.ended?.end;
    } finally {
      await keys.gateway.close();
    }
  }

  it("go on when they are decided, and fail with on_revoke = cancel", async () => {
    expect(await decided({}, remove())).to.equal("completed");
    expect(await decided({ on_revoke: "cancel" }, remove())).to.equal("failed");
  });

  it("fail if the request said cancel, and go on if it said finish", async () => {
    const CANCEL = { on_revoke: "cancel" };
    for (const revoke of [disable({ running: "cancel" }), remove("?running=cancel")])
      expect(await decided({}, revoke)).to.equal("failed");
    for (const revoke of [disable({ running: "finish" }), remove("?running=finish")])
      expect(await decided(CANCEL, revoke)).to.equal("completed");
  });

  it("keep to what was said when the plugin starts again, and when their key is deleted later", async () => {
    const restart =
      (section: Readonly<Record<string, unknown>>): Revoke =>
      async ({ gateway }) => {
        await gateway.disable("keys");
        await gateway.enable(["keys", section]);
      };
    const CANCEL = { on_revoke: "cancel" };
    expect(await decided({}, disable({ running: "cancel" }), restart({}))).to.equal("failed");
    expect(await decided(CANCEL, remove("?running=finish"), restart(CANCEL))).to.equal("completed");
    expect(await decided({}, disable({ running: "cancel" }), remove())).to.equal("failed");
    expect(await decided({}, remove(), remove("?running=cancel"), restart({}))).to.equal("failed");
  });

  it("go on if their key was enabled again, also when it is revoked later", async () => {
    expect(await decided({}, disable({ running: "cancel" }), enable)).to.equal("completed");
    expect(await decided({}, disable({ running: "cancel" }), enable, disable({}))).to.equal("completed");
  });
});
