import { join } from "node:path";
import { definePlugin, type PluginStore } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { temporaryFolder } from "../temporary.js";
import { rejection } from "./kit.js";

/** A plugin that hands its store to the test. */
function storing(name: string, got: (store: PluginStore) => void) {
  return definePlugin<object>({
    name,
    apiVersion: 1,
    configSchema: { type: "object" },
    apply: ({ store }) => got(store),
  });
}

describe("the store of a plugin", () => {
  let gateway: TestGateway;
  let store: PluginStore;
  let other: PluginStore;
  const one = storing("one", (given) => {
    store = given;
  });
  const two = storing("two", (given) => {
    other = given;
  });

  beforeEach(async () => {
    gateway = await createTestGateway({ plugins: [one, two], controlTime: true });
  });
  afterEach(() => gateway.close());

  it("returns what was set, with its version, and nothing of another plugin", async () => {
    const result = await store.set("k", { n: [1, null, "é"] });
    expect(result).to.have.property("ok", true);
    const entry = await store.get("k");
    expect(entry).to.deep.include({ key: "k", value: { n: [1, null, "é"] }, expiresAt: undefined });
    expect(result).to.deep.equal({ ok: true, versions: [entry?.version] });
    expect(await other.get("k")).to.equal(undefined);
    expect(await other.list("")).to.deep.equal({ entries: [], next: undefined });
  });

  it("gives one of many parallel writers the same version only", async () => {
    await store.set("count", 0);
    const increment = async (): Promise<void> => {
      const entry = await store.get("count");
      const result = await store.set("count", Number(entry?.value) + 1, { expected: entry?.version ?? null });
      if (!result.ok) await increment();
    };
    await Promise.all(Array.from({ length: 25 }, increment));
    expect((await store.get("count"))?.value).to.equal(25);
    expect(await store.set("count", 0, { expected: null })).to.include({ ok: false, reason: "conflict" });
  });

  it("deletes once, and only the expected version", async () => {
    await store.set("k", 1);
    const version = (await store.get("k"))?.version ?? 0;
    expect(await store.delete("k", { expected: version + 1 })).to.equal(false);
    expect(await store.delete("k")).to.equal(true);
    expect(await store.delete("k")).to.equal(false);
  });

  it("lets an entry expire at its time", async () => {
    await store.set("k", 1, { ttlMs: 60_000 });
    await gateway.advance(59_000);
    expect((await store.get("k"))?.value).to.equal(1);
    await gateway.advance(1_000);
    expect(await store.get("k")).to.equal(undefined);
  });

  it("pages through a prefix", async () => {
    await store.write(Array.from({ length: 100 }, (_, n) => ({ key: `k/${n + 100}`, value: n })));
    await store.write([
      { key: "k/200", value: 100 },
      { key: "l", value: 0 },
    ]);
    const first = await store.list("k/");
    const second = await store.list("k/", { after: first.next ?? "" });
    expect(first.entries.length).to.equal(100);
    expect(second).to.deep.include({ next: undefined });
    expect(second.entries.map(({ value }) => value)).to.deep.equal([100]);
  });

  it("refuses keys, values and pages outside its limits", async () => {
    const calls: readonly (readonly [() => Promise<unknown>, string])[] = [
      [() => store.get(""), "key must have 1 to 256 bytes, got 0"],
      [() => store.set("é".repeat(129), 1), "key must have 1 to 256 bytes, got 258"],
      [() => store.get("a\0b"), 'key must be text without control characters, got "a\\u0000b"'],
      [() => store.get("\u{10ffff}"), "key must be text without control characters"],
      [() => store.set("k", undefined), 'the value of "k" must be JSON, got undefined'],
      [
        () => store.set("k", "x".repeat(65_535)),
        'the value of "k" must have up to 65536 bytes of JSON, got 65537',
      ],
      [() => store.set("k", 1, { ttlMs: 0 }), "ttlMs must be from 1 to"],
      [() => store.set("k", 1, { ttlMs: Number.NaN }), "ttlMs must be from 1 to"],
      [() => store.set("k", 1, { expected: 1.5 }), "expected must be a version or null, got 1.5"],
      [() => store.list("", { limit: 101 }), "limit must be from 1 to 100, got 101"],
      [() => store.write([]), "a write's number of changes must be from 1 to 100, got 0"],
      [
        () =>
          store.write([
            { key: "k", value: 1 },
            { key: "k", delete: true },
          ]),
        "a write must change each key once",
      ],
    ];
    for (const [call, message] of calls)
      expect(await rejection(call()))
        .to.have.property("message")
        .that.contains(message);
    expect(await store.set("k".repeat(256), "x".repeat(65_534))).to.have.property("ok", true);
  });

  it("keeps its entries while the plugin is off", async () => {
    await store.set("k", 1);
    await gateway.disable("one");
    await gateway.enable(one);
    expect((await store.get("k"))?.value).to.equal(1);
  });

  it("keeps its entries over a restart", async () => {
    const config = { data_dir: join(temporaryFolder("claudeway-store-"), "data") };
    for (const expected of [undefined, 1]) {
      let kept: PluginStore | undefined;
      const plugin = storing("kept", (given) => {
        kept = given;
      });
      const again = await createTestGateway({ plugins: [plugin], config });
      expect((await kept?.get("k"))?.value).to.equal(expected);
      await kept?.set("k", 1);
      await again.close();
    }
  });
});
