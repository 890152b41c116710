import { mock } from "node:test";
import { setImmediate as settled } from "node:timers/promises";
import { expect } from "chai";
import { KeyDirectory } from "#plugins/keys/directory.js";
import { RevokedTurns } from "#plugins/keys/revoked-turns.js";
import { memoryStore } from "../memory-store.js";

const LOG = Object({ warn: () => undefined, error: () => undefined });

describe("turns of keys that expire", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setInterval", "Date"], now: Date.now() }));
  afterEach(() => mock.timers.reset());

  const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

  /** Keys whose turns are cancelled, each with a turn that has its id. */
  async function open() {
    const store = memoryStore();
    const directory = await KeyDirectory.load({ store, log: LOG, maxKeys: 100, configured: new Set() });
    const interrupted: string[] = [];
    const turns = Object({ follow: (id: string) => ({ interrupt: () => interrupted.push(id) }) });
    let failures = 0;
    let looks = 0;
    const ledger = Object({
      async running() {
        looks++;
        if (failures-- > 0) throw new Error("away");
        return directory.list().map(({ id }) => ({ id, keyId: id }));
      },
    });
    const parts = { directory, ledger, turns, store, shared: false, onRevoke: "cancel", log: LOG } as const;
    const revoked = new RevokedTurns(parts);
    const pass = async (ms: number) => {
      mock.timers.tick(ms);
      await settled();
    };
    const fail = (times: number) => {
      failures = times;
    };
    return { directory, revoked, interrupted, pass, fail, looks: () => looks };
  }

  it("are interrupted at a later look if the ledger failed", async () => {
    const { directory, revoked, interrupted, pass, fail } = await open();
    const { key } = await directory.create({ name: "a", expires_at: inMs(1000) }, "admin");
    fail(2);
    await pass(5000);
    await pass(5000);
    expect(interrupted).to.deep.equal([]);
    await pass(5000);
    expect(interrupted).to.deep.equal([key.id]);
    revoked.close();
  });

  it("are interrupted once for each time that their key expires, without further looks", async () => {
    const { directory, revoked, interrupted, pass, looks } = await open();
    const { key } = await directory.create({ name: "a", expires_at: inMs(1000) }, "admin");
    await directory.create({ name: "b", expires_at: inMs(1000) }, "admin");
    await directory.create({ name: "c" }, "admin");
    for (let look = 0; look < 3; look++) await pass(5000);
    expect(interrupted).to.have.length(2);
    expect(looks()).to.equal(1);
    await directory.update(key.id, ({ settings }) => ({ settings: { ...settings, expires_at: inMs(6000) } }));
    for (let look = 0; look < 3; look++) await pass(5000);
    expect(interrupted.slice(2)).to.deep.equal([key.id]);
    revoked.close();
  });

  it("finish if their key was disabled before with running=finish", async () => {
    const { directory, revoked, interrupted, pass } = await open();
    const { key } = await directory.create({ name: "a", expires_at: inMs(1000) }, "admin");
    await directory.update(key.id, () => ({ enabled: false, onRevoke: "finish" }));
    await pass(5000);
    expect(interrupted).to.deep.equal([]);
    revoked.close();
  });
});
