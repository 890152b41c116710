import { expect } from "chai";
import { KeyDirectory } from "#plugins/keys/directory.js";
import { LastUse } from "#plugins/keys/last-use.js";
import { CHANGED } from "#plugins/keys/tombstones.js";
import { deferred, rejectionMessage } from "../../kernel/kit.js";
import { memoryStore } from "../memory-store.js";

const LOG = Object({ warn: () => undefined, error: () => undefined });

describe("keys of several gateways on one ledger", () => {
  const store = memoryStore({ watchMs: 1 });
  const over = new AbortController();

  after(() => over.abort());

  /** The keys of one gateway, which reads them again after changes of others. */
  async function open() {
    let reload: () => Promise<void> = () => Promise.reject(new Error("not loaded yet"));
    await store.watch(CHANGED.key, over.signal, () => reload());
    const directory = await KeyDirectory.load({ store, log: LOG, maxKeys: 100, configured: new Set() });
    let next = deferred();
    const revoked: string[] = [];
    reload = async () => {
      revoked.push(...(await directory.reload()));
      next.resolve();
      next = deferred();
    };
    /** Resolves once this is so, after a reload. */
    const until = async (isSo: () => boolean) => {
      while (!isSo()) await next.promise;
    };
    return { directory, revoked, until };
  }

  it("are known at all of them, and out at all of them", async () => {
    const [a, b] = [await open(), await open()];
    const { key, secret } = await a.directory.create({ name: "deploy" }, "admin");
    await b.until(() => b.directory.get(key.id) !== undefined);
    expect(b.directory.authenticate(secret)).to.deep.equal({ keyId: key.id, admin: false });
    await b.directory.update(key.id, () => ({ enabled: false }));
    await a.until(() => a.directory.get(key.id)?.enabled === false);
    expect(a.directory.authenticate(secret)).to.have.property("status", 401);
    expect(a.revoked).to.deep.equal([key.id]);
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
    expect(a.revoked).to.deep.equal([]);
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
