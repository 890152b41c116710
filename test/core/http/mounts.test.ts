import { once } from "node:events";
import type { MountOptions } from "@claudeway/core";
import Router from "@koa/router";
import { expect } from "chai";
import { createTestGateway, type TestGateway } from "#testing/index.js";
import { deferred, plugin } from "../../kernel/kit.js";

/** A plugin whose routes respond with its name; one of them waits until the plugin is disabled. */
function mounted(name: string, prefix: `/${string}`, begun = deferred(), options: MountOptions = {}) {
  return plugin(name, (kernel) => {
    const router = new Router();
    router.get("/", (ctx) => {
      ctx.body = { plugin: name };
    });
    router.get("/slow", async (ctx) => {
      begun.resolve();
      await once(kernel.signal, "abort");
      ctx.body = { plugin: name };
    });
    kernel.mount(prefix, router, options);
  });
}

describe("plugins' routes", () => {
  let gateway: TestGateway;
  const begun = deferred();
  beforeEach(async () => {
    gateway = await createTestGateway({ plugins: [mounted("outer", "/a", begun), mounted("inner", "/a/b")] });
  });
  afterEach(() => gateway.close());

  async function answer(path: string, method = "GET"): Promise<unknown> {
    const response = await gateway.fetch(path, { method });
    return [response.status, await response.json()];
  }

  it("match the longest prefix, and the shorter one when its plugin is disabled", async () => {
    expect(await answer("/a")).to.deep.equal([200, { plugin: "outer" }]);
    expect(await answer("/a/b")).to.deep.equal([200, { plugin: "inner" }]);
    await gateway.disable("inner");
    const gone = { error: "no route GET /a/b", code: "NOT_FOUND" };
    expect(await answer("/a/b")).to.deep.equal([404, gone]);
  });

  it("that do not exist are reported with the prefix, as the client sent them", async () => {
    const none = { error: "no route GET /a/b/nothing", code: "NOT_FOUND" };
    expect(await answer("/a/b/nothing")).to.deep.equal([404, none]);
    expect(await answer("/a/b", "PUT")).to.deep.equal([
      405,
      { error: "the method must be GET or HEAD, got PUT", code: "METHOD_NOT_ALLOWED" },
    ]);
  });

  it("finish their response although the plugin is disabled; its signal notifies them", async () => {
    const slow = answer("/a/slow");
    await begun.promise;
    await gateway.disable("outer");
    expect(await answer("/a/slow")).to.have.property("0", 404);
    expect(await slow).to.deep.equal([200, { plugin: "outer" }]);
  });

  it("that became the admin's while a request was on its way do not take that request", async () => {
    const [asked, goOn] = [deferred(), deferred()];
    await gateway.enable(
      plugin("gate", (kernel) => {
        kernel.hooks.request.tapPromise("wait", async ({ path, keyId }) => {
          if (path !== "/a" || keyId === "admin") return undefined;
          asked.resolve();
          await goOn.promise;
          return undefined;
        });
      }),
    );
    const late = gateway.fetch("/a", { key: "user" });
    await asked.promise;
    await gateway.disable("outer");
    await gateway.enable(mounted("vault", "/a", begun, { auth: "admin" }));
    goOn.resolve();
    expect((await late).status).to.equal(404);
    expect((await gateway.fetch("/a", { key: "admin" })).status).to.equal(200);
  });
});
