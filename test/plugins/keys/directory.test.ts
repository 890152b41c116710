import type { PluginStore, StoreChange, StoreEntry } from "@claudeway/core";
import { expect } from "chai";
import { KeyDirectory } from "#plugins/keys/directory.js";
import { LastUse } from "#plugins/keys/last-use.js";
import { rejectionMessage } from "../../kernel/kit.js";

type Store = Pick<PluginStore, "list" | "write">;

/** A store with these entries, which notes what is written. */
class StoreOf implements Store {
  readonly writes: (readonly StoreChange[])[] = [];
  fault: Error | "full" | undefined;
  meanwhile: () => void = () => undefined;

  constructor(private readonly entries: Readonly<Record<string, unknown>> = {}) {}

  async list(prefix: string) {
    const entries = Object.entries(this.entries).filter(([key]) => key.startsWith(prefix));
    return {
      entries: entries.map(([key, value]): StoreEntry => ({ key, value, version: 1, expiresAt: undefined })),
      next: undefined,
    };
  }

  async write(changes: readonly StoreChange[]) {
    if (this.fault === "full") return { ok: false as const, reason: "full" as const };
    if (this.fault !== undefined) throw this.fault;
    this.writes.push(changes);
    this.meanwhile();
    return { ok: true as const, versions: changes.map(() => 1) };
  }
}

describe("the directory of keys", () => {
  const logged: string[] = [];
  const log = {
    warn: (_: object, message: string) => void logged.push(message),
    error: (_: object, message: string) => void logged.push(message),
  };
  const load = (store: Store, configured: readonly string[] = []) =>
    KeyDirectory.load({ store, log: Object(log), maxKeys: 10, configured: new Set(configured) });
  const STORED = {
    settings: { name: "a" },
    enabled: true,
    secrets: [{ digest: "0".repeat(64), until: null }],
    createdAt: "2026-01-01T00:00:00.000Z",
    createdBy: "admin",
  };

  it("leaves out stored values that are not keys, rather than guess what they allow", async () => {
    const WRONG = {
      "keys/text": "a",
      "keys/list": [],
      "keys/settings": { ...STORED, settings: { name: "a", models: "haiku" } },
      "keys/unknown": { ...STORED, settings: { name: "a", limit: 1 } },
      "keys/expiry": { ...STORED, settings: { name: "a", expires_at: "soon" } },
      "keys/digest": { ...STORED, secrets: [{ digest: "00", until: null }] },
      "keys/until": { ...STORED, secrets: [{ digest: "0".repeat(64), until: "later" }] },
      "keys/enabled": { ...STORED, enabled: "yes" },
    };
    logged.length = 0;
    const directory = await load(
      new StoreOf({
        ...WRONG,
        "keys/good": STORED,
        "keys/past": { ...STORED, settings: { name: "a", expires_at: "2020-01-01T00:00:00.000Z" } },
      }),
    );
    expect(directory.list().map(({ id }) => id)).to.deep.equal(["good", "past"]);
    expect(logged).to.have.length(Object.keys(WRONG).length);
  });

  it("leaves out a key whose id is configured now, in any case", async () => {
    const store = new StoreOf({ "keys/ci-abc": STORED });
    expect((await load(store, ["ci-abc"])).list()).to.deep.equal([]);
    expect((await load(new StoreOf({ "keys/CI-abc": STORED }), ["ci-abc"])).list()).to.deep.equal([]);
  });

  it("changes nothing if the store fails", async () => {
    const store = new StoreOf();
    const directory = await load(store);
    const { key, secret } = await directory.create({ name: "a" }, "admin");
    store.fault = new Error("the disk is full");
    for (const change of [
      directory.create({ name: "b" }, "admin"),
      directory.rotate(key.id, 0),
      directory.update(key.id, () => ({ enabled: false })),
      directory.delete(key.id),
    ])
      expect(await rejectionMessage(change)).to.equal("the disk is full");
    expect(directory.list()).to.deep.equal([key]);
    expect(directory.authenticate(secret)).to.deep.equal({ keyId: key.id, admin: false });
    expect(directory.isDeleted(key.id)).to.equal(false);
  });

  it("keeps the digest of a secret in the store, never the secret", async () => {
    const store = new StoreOf();
    const directory = await load(store);
    const { key, secret } = await directory.create({ name: "a" }, "admin");
    const rotated = await directory.rotate(key.id, 60);
    const written = JSON.stringify(store.writes);
    for (const one of [secret, rotated.secret]) expect(written).to.not.contain(one.slice(3));
  });

  it("makes ids that are safe folder names, whatever the name", async () => {
    const directory = await load(new StoreOf());
    for (const name of ["..", "/", "Ünïcode", "a".repeat(64), "con", "-", "名前"]) {
      const { key } = await directory.create({ name }, "admin");
      expect(key.id, name).to.match(/^[a-z0-9][a-z0-9-]{0,63}$/);
    }
  });
});

describe("the last uses of keys", () => {
  it("are written once for many requests", async () => {
    const store = new StoreOf({ "used/old": 1_700_000_000_000, "used/odd": "never" });
    const uses = new LastUse(store, Object({ warn: () => undefined }), false);
    await uses.load();
    for (let n = 0; n < 1000; n++) uses.note(`key-${n % 3}`);
    expect(store.writes).to.deep.equal([]);
    await uses.close();
    expect(store.writes.map((changes) => changes.length)).to.deep.equal([3]);
    expect(uses.of("old")).to.equal("2023-11-14T22:13:20.000Z");
    expect(uses.of("odd")).to.equal(null);
  });

  it("are written later if the store fails or is full", async () => {
    const store = new StoreOf();
    const uses = new LastUse(store, Object({ warn: () => undefined }), false);
    uses.note("key");
    store.fault = new Error("away");
    await uses.close();
    store.fault = "full";
    await uses.close();
    store.fault = undefined;
    await uses.close();
    expect(store.writes.map((changes) => changes.length)).to.deep.equal([1]);
  });

  it("are written once while requests go on", async () => {
    const store = new StoreOf();
    const uses = new LastUse(store, Object({ warn: () => undefined }), false);
    uses.note("key");
    store.meanwhile = () => {
      if (store.writes.length < 10) uses.note("key");
    };
    await uses.close();
    expect(store.writes).to.have.length(1);
  });

  it("of a deleted key are not written", async () => {
    const store = new StoreOf();
    const uses = new LastUse(store, Object({ warn: () => undefined }), false);
    uses.note("gone");
    uses.forget("gone");
    await uses.close();
    expect(store.writes).to.deep.equal([]);
  });
});
