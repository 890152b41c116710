import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { definePlugin, type KeyLimit, type Keys } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { pino } from "pino";
import { KeyLimitTable } from "#kernel/key-limits.js";

const SILENT = pino({ level: "silent" });

describe("KeyLimitTable", () => {
  it("takes those of configured keys from the configuration alone", () => {
    const table = new KeyLimitTable(
      ["alice", "bob"],
      { alice: { max_running: 2, allow: ["tools"] } },
      SILENT,
    );
    table.add(() => ({ maxRunning: 9 }));
    expect(table.of("alice")).to.deep.include({ maxRunning: 2, allow: ["tools"] });
    expect(table.of("bob").maxRunning).to.equal(undefined);
    expect([table.placeOf("bob"), table.placeOf("eve")]).to.deep.equal(["[keys.bob]", "key eve:"]);
  });

  it("asks plugins about others, the latest first, until they take it back", () => {
    const table = new KeyLimitTable([], {}, SILENT);
    expect(table.of("eve")).to.deep.equal({});
    const first = table.add((id) => (id === "eve" ? { maxRunning: 1 } : undefined));
    const second = table.add((id) => (id === "eve" ? { maxRunning: 2 } : undefined));
    expect([table.of("eve"), table.of("adam")]).to.deep.equal([{ maxRunning: 2 }, {}]);
    second();
    expect(table.of("eve")).to.deep.equal({ maxRunning: 1 });
    first();
    expect(table.of("eve")).to.deep.equal({});
  });

  it("lets a key do nothing if its plugin fails", () => {
    const table = new KeyLimitTable([], {}, SILENT);
    table.add(() => {
      throw new Error("no");
    });
    expect(table.of("eve")).to.deep.equal({ maxRunning: 1, workdirs: [], allow: [] });
  });
});

describe("limits of a plugin's key", () => {
  let gateway: TestGateway;
  let limits: KeyLimit | undefined;
  let keys: Keys;
  const guests = definePlugin<object, "keys">({
    name: "guests",
    apiVersion: 1,
    needs: ["keys"],
    configSchema: { type: "object" },
    apply(kernel) {
      keys = kernel.keys;
      kernel.onDispose(kernel.keys.limit((id) => (id === "guest" ? limits : undefined)));
      kernel.hooks.authenticate.tap("guest", (request) =>
        request.credentials().secret === "guest" ? { keyId: "guest", admin: false } : undefined,
      );
    },
  });
  before(async () => {
    gateway = await createTestGateway({ plugins: [guests] });
    mkdirSync(join(gateway.dir, "here"));
  });
  after(() => gateway.close());

  const task = async (body: object, secret = "guest") => {
    const response = await gateway.fetch("/task", {
      method: "POST",
      key: null,
      headers: { authorization: `Bearer ${secret}` },
      body: { prompt: "hello", ...body },
    });
    const { error }: { readonly error?: string | null } = JSON.parse(await response.text());
    return [response.status, error];
  };

  it("hold for the fields and folders of its requests", async () => {
    const here = join(gateway.dir, "here");
    expect(await task({ tools: ["Read"] })).to.deep.equal([
      403,
      'tools must be allowed for the key: key guest: allow must contain "tools"',
    ]);
    expect(await task({ workdir: here })).to.deep.equal([200, null]);
    expect(await task({ tools: [] }), "no tools at all").to.deep.equal([200, null]);
    limits = { allow: ["tools"], workdirs: [join(gateway.dir, "there")] };
    expect(await task({ tools: ["Read"] })).to.deep.equal([200, null]);
    const [status, error] = await task({ workdir: here });
    expect(status).to.equal(400);
    expect(error).to.contain("must match key guest: workdirs");
    expect(await task({ workdir: here }, gateway.keys["user"])).to.deep.equal([200, null]);
    expect(keys.list()).to.have.length(2);
  });
});
