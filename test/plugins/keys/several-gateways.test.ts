import { setMaxListeners } from "node:events";
import { expect } from "chai";
import { KeyDirectory } from "#plugins/keys/directory.js";
import { KeyActions } from "#plugins/keys/key-actions.js";
import { LastUse } from "#plugins/keys/last-use.js";
import { RevokedTurns } from "#plugins/keys/revoked-turns.js";
import { CHANGED, LAST_USE } from "#plugins/keys/tombstones.js";
import { deferred, rejectionMessage } from "../../kernel/kit.js";
import { memoryStore } from "../memory-store.js";

const LOG = Object({ info: () => undefined, warn: () => undefined, error: () => undefined });

describe("keys of several gateways on one ledger", () => {
  const store = memoryStore({ watchMs: 1 });
  const over = new AbortController();
  /** The keys that have a turn at each gateway, whose id is the key's. */
  const busy: string[] = [];
  let away = false;
  const ledger = Object({
    async running() {
      if (away) throw new Error("away");
      return busy.map((id) => ({ id, keyId: id }));
    },
  });

  // Each gateway adds one.
  before(() => setMaxListeners(0, over.signal));
  after(() => over.abort());

  /** The keys of one gateway, which reads them again after changes of others. */
  async function open() {
    let reload: () => Promise<void> = () => Promise.reject(new Error("not loaded yet"));
    await store.watch(CHANGED.key, over.signal, () => reload());
    const directory = await KeyDirectory.load({ store, log: LOG, maxKeys: 100, configured: new Set() });
    const lastUse = new LastUse(store, LOG, true);
    let next = deferred();
    const interrupted: string[] = [];
    const turns = Object({ follow: (id: string) => ({ interrupt: () => interrupted.push(id) }) });
    const parts = { directory, ledger, turns, store, shared: true, onRevoke: "finish", log: LOG } as const;
    const revoked = new RevokedTurns(parts);
    const actions = new KeyActions({ directory, lastUse, revoked, log: LOG });
    reload = async () => {
      await directory.reload();
      lastUse.forgetDeleted((id) => directory.isDeleted(id));
      await revoked.cancelOrdered();
      next.resolve();
      next = deferred();
    };
    /** Resolves once this is so, after a reload. */
    const until = async (isSo: () => boolean) => {
      while (!isSo()) await next.promise;
    };
    return { directory, lastUse, actions, interrupted, until };
  }

  it("are known at all of them, and out at all of them", async () => {
    const [a, b] = [await open(), await open()];
    const { key, secret } = await a.directory.create({ name: "deploy" }, "admin");
    await b.until(() => b.directory.get(key.id) !== undefined);
    expect(b.directory.authenticate(secret)).to.deep.equal({ keyId: key.id, admin: false });
    await b.directory.update(key.id, () => ({ enabled: false }));
    await a.until(() => a.directory.get(key.id)?.enabled === false);
    expect(a.directory.authenticate(secret)).to.have.property("status", 401);
    expect(a.interrupted).to.deep.equal([]);
    await a.directory.delete(key.id);
    await b.until(() => b.directory.isDeleted(key.id));
    expect(b.directory.authenticate(secret)).to.equal(undefined);
    expect(b.directory.limitOf(key.id)).to.deep.equal({ maxRunning: 1, workdirs: [], allow: [] });
  });

  it("accept a rotated secret, and no more the one before", async () => {
    const [a, b] = [await open(), await open()];
    const { key, secret } = await a.directory.create({ name: "rotate" }, "admin");
    await b.until(() => b.directory.get(key.id) !== undefined);
    const rotated = await b.directory.rotate(key.id, 0);
    await a.until(() => a.directory.authenticate(rotated.secret) !== undefined);
    expect(a.directory.authenticate(secret)).to.equal(undefined);
  });

  it("have their turns interrupted at all of them, if one says so, and only while they are out", async () => {
    const [a, b] = [await open(), await open()];
    const { key } = await a.directory.create({ name: "leaked" }, "admin");
    const { key: other } = await a.directory.create({ name: "other" }, "admin");
    busy.push(key.id, other.id);
    await b.until(() => b.directory.get(other.id) !== undefined);
    await a.actions.disable(key.id, "admin", "finish");
    await b.until(() => b.directory.get(key.id)?.enabled === false);
    expect(b.interrupted).to.deep.equal([]);
    expect(await a.actions.disable(key.id, "admin", "cancel")).to.have.property("cancelled", 1);
    await b.until(() => b.interrupted.length > 0);
    for (const { interrupted } of [a, b]) expect(new Set(interrupted)).to.deep.equal(new Set([key.id]));
    await a.actions.enable(key.id, "admin");
    await b.until(() => b.directory.get(key.id)?.enabled === true);
    const before = b.interrupted.length;
    await a.directory.update(other.id, () => ({ settings: { name: "again" } }));
    await b.until(() => b.directory.get(other.id)?.settings.name === "again");
    expect(b.interrupted).to.have.length(before);
  });

  it("have their turns interrupted at the others if one deletes them and then fails", async () => {
    const [a, b] = [await open(), await open()];
    const { key } = await a.directory.create({ name: "leaked" }, "admin");
    busy.push(key.id);
    away = true;
    expect(await rejectionMessage(a.actions.delete(key.id, "admin", "cancel"))).to.equal("away");
    away = false;
    await b.until(() => b.interrupted.length > 0);
    expect(new Set(b.interrupted)).to.deep.equal(new Set([key.id]));
    expect(await a.actions.delete(key.id, "admin", "cancel"), "once more").to.equal(1);
    expect(new Set(a.interrupted)).to.deep.equal(new Set([key.id]));
  });

  it("finish their turns at all of them if one says so after it had said cancel", async () => {
    const [a, b] = [await open(), await open()];
    const { key } = await a.directory.create({ name: "back" }, "admin");
    const { key: other } = await a.directory.create({ name: "twice" }, "admin");
    await b.until(() => b.directory.get(other.id) !== undefined);
    for (const { id } of [key, other]) await a.actions.disable(id, "admin", "cancel");
    await a.actions.enable(key.id, "admin");
    await b.until(() => b.directory.get(key.id)?.enabled === true);
    busy.push(key.id, other.id);
    for (const { id } of [key, other]) await a.actions.disable(id, "admin", "finish");
    await a.directory.create({ name: "last" }, "admin");
    await b.until(() => b.directory.list().some(({ settings }) => settings.name === "last"));
    expect(b.interrupted).to.not.include.any.members([key.id, other.id]);
  });

  it("keep changes that two of them make at once", async () => {
    const [a, b] = [await open(), await open()];
    const { key } = await a.directory.create({ name: "both" }, "admin");
    await b.until(() => b.directory.get(key.id) !== undefined);
    await Promise.all([
      a.directory.update(key.id, ({ settings }) => ({ settings: { ...settings, max_running: 2 } })),
      b.directory.update(key.id, ({ settings }) => ({ settings: { ...settings, tags: ["team"] } })),
    ]);
    const both = { name: "both", max_running: 2, tags: ["team"] };
    await a.until(() => JSON.stringify(a.directory.get(key.id)?.settings.tags) === '["team"]');
    await b.until(() => b.directory.get(key.id)?.settings.max_running === 2);
    for (const { directory } of [a, b]) expect(directory.get(key.id)?.settings).to.deep.include(both);
    // Deleted at one, changed at the other before that is known there.
    await a.directory.delete(key.id);
    const late = b.directory.update(key.id, () => ({ enabled: false }));
    expect(await rejectionMessage(late)).to.equal("no such key");
  });

  it("have no last use once they are deleted at another one", async () => {
    const [a, b] = [await open(), await open()];
    const { key } = await a.directory.create({ name: "used" }, "admin");
    await b.until(() => b.directory.get(key.id) !== undefined);
    b.lastUse.note(key.id);
    await a.directory.delete(key.id);
    await b.until(() => b.directory.isDeleted(key.id));
    await b.lastUse.close();
    expect(await store.get(LAST_USE + key.id)).to.equal(undefined);
  });

  it("have the latest use of all of them", async () => {
    const uses = [new LastUse(store, LOG, true), new LastUse(store, LOG, true)];
    const [a, b] = uses;
    a?.note("deploy");
    await a?.close();
    b?.note("other");
    await b?.close();
    expect(b?.of("deploy")).to.equal(a?.of("deploy")).and.not.equal(null);
  });
});
