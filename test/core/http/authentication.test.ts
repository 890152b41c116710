import { type Caller, definePlugin, Refusal, type RequestHead, type RouteState } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import Router from "@koa/router";
import { expect } from "chai";
import { pino } from "pino";
import { WebSocket } from "ws";
import { Doorkeeper, Keyring } from "#core/http/auth.js";
import { Authentication, authenticate, authorizationOf } from "#core/http/authentication.js";
import { callerOf } from "#core/http/context.js";
import type { Access } from "#core/http/destination.js";
import { GuessThrottle } from "#core/http/guesses.js";
import { Kernel } from "#kernel/kernel.js";
import { answering, type Served, serve } from "./kit.js";

const ACCESS: Readonly<Record<string, Access>> = { "/open": "none", "/admin": "admin" };
const BADGE: Caller = { keyId: "badge-holder", admin: false };

describe("the credential of a request", () => {
  const HEADERS: readonly (readonly [Record<string, string>, string | undefined])[] = [
    [{}, undefined],
    [{ authorization: "", "x-api-key": "" }, undefined],
    [{ authorization: "Bearer a" }, "Bearer a"],
    [{ "x-api-key": "a" }, "Bearer a"],
    [{ authorization: "bearer  a", "x-api-key": "a" }, "Bearer a"],
  ];
  for (const [headers, credential] of HEADERS) {
    it(`of ${JSON.stringify(headers)} is ${credential}`, () => {
      expect(authorizationOf(headers)).to.equal(credential);
    });
  }

  for (const authorization of ["Bearer b", "Basic a", "a", "Bearer"]) {
    it(`is refused if x-api-key differs from ${authorization}`, () => {
      expect(() => authorizationOf({ authorization, "x-api-key": "a" }))
        .to.throw("Authorization and x-api-key must have the same key")
        .that.includes({ code: "UNAUTHORIZED", status: 401 });
    });
  }
});

describe("authenticate", () => {
  const HINT = 'send "Authorization: Bearer <secret>"';
  let served: Served;
  before(async () => {
    const keyring = new Keyring([
      { id: "boss", secret: "sk-boss" },
      { id: "bob", secret: "sk-bob" },
    ]);
    const log = pino({ level: "silent" });
    const kernel = new Kernel({ log });
    served = await serve(
      (ctx, next) => {
        ctx.state.destination = { to: "gateway", access: ACCESS[ctx.path] ?? "key" };
        return next();
      },
      authenticate(new Authentication(kernel, new Doorkeeper(keyring, new GuessThrottle())), log),
      answering((ctx) => (ctx.path === "/open" ? "open" : callerOf(ctx).keyId)),
    );
  });
  after(() => served.close());

  async function ask(path: string, secret?: string): Promise<string> {
    const headers = secret === undefined ? {} : { authorization: `Bearer ${secret}` };
    const response = await fetch(served.url + path, { headers });
    return `${response.status} ${await response.text()}`;
  }

  it("puts the caller on the request", async () => {
    expect(await ask("/", "sk-bob")).to.equal("200 bob");
    expect(await ask("/admin", "sk-boss")).to.equal("200 boss");
  });

  it("requires no key on public routes", async () => {
    expect(await ask("/open")).to.equal("200 open");
    expect(await ask("/open", "wrong")).to.equal("200 open");
  });

  it("admits no request without a key, and only the admin on admin routes", async () => {
    expect(await ask("/")).to.equal(
      `401 ${JSON.stringify({ error: `no key: ${HINT}`, code: "UNAUTHORIZED" })}`,
    );
    expect(await ask("/admin", "sk-bob")).to.equal(
      '403 {"error":"the admin\'s key is required","code":"FORBIDDEN"}',
    );
  });
});

describe("requests", () => {
  let gateway: TestGateway;
  const heads: RequestHead[] = [];
  const admitted: unknown[] = [];
  const completed: unknown[] = [];
  const spawned: unknown[] = [];
  let answer: (head: RequestHead) => Caller | Refusal | undefined;
  const plugin = definePlugin<object>({
    name: "badges",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply(kernel) {
      kernel.hooks.authenticate.tapPromise("badge", async (head) => {
        heads.push(head);
        return answer(head);
      });
      kernel.hooks.request.tap("see", (request) => {
        admitted.push([request.keyId, request.path, request.headers]);
        request.setHeader("x-left", "7");
        return request.headers["x-refuse"] === undefined ? undefined : new Refusal(403, "not today");
      });
      kernel.hooks.spawn.tap("see", (_plan, turn) => {
        spawned.push(turn?.keyId);
      });
      kernel.hooks.requestCompleted.tap("see", ({ keyId, path, status }) => {
        completed.push([keyId, path, status]);
      });
      const router = new Router<RouteState>();
      router.get("/self", async (ctx) => {
        await ctx.state.admit?.({ keyId: "visitor", admin: false });
        ctx.body = ctx.state.caller;
      });
      router.get("/twice", async (ctx) => {
        await ctx.state.admit?.({ keyId: "visitor", admin: false });
        await ctx.state.admit?.({ keyId: "visitor", admin: false });
      });
      router.get("/bad", async (ctx) => {
        await ctx.state.admit?.({ keyId: "../up", admin: true });
      });
      router.get("/quiet", (ctx) => {
        ctx.body = {};
      });
      kernel.mount("/open", router, { auth: "none" });
      kernel.mount("/closed", router);
      kernel.mount("/boss", router, { auth: "admin" });
    },
  });

  before(async () => {
    gateway = await createTestGateway({ plugins: [plugin] });
  });
  after(() => gateway.close());
  beforeEach(() => {
    heads.length = 0;
    admitted.length = 0;
    completed.length = 0;
    answer = (head) => (head.credentials().secret === "badge-1" ? BADGE : undefined);
  });

  const ask = (path: string, headers: Record<string, string> = {}) =>
    gateway.fetch(path, { key: null, headers });
  const asBadge = { authorization: "Bearer badge-1" };

  it("belong to the caller that a plugin recognises, on every route and for every credential", async () => {
    for (const headers of [asBadge, { "x-api-key": "badge-1" }, { ...asBadge, "x-api-key": "badge-1" }]) {
      for (const path of ["/sessions", "/closed/quiet"])
        expect((await ask(path, headers)).status, path).to.equal(200);
    }
    expect((await ask("/boss/quiet", asBadge)).status).to.equal(403);
    answer = () => ({ ...BADGE, admin: true });
    expect((await ask("/boss/quiet", asBadge)).status).to.equal(200);
    const task = await gateway.fetch("/task", {
      key: null,
      headers: asBadge,
      method: "POST",
      body: { prompt: "hello" },
    });
    expect(task.status).to.equal(200);
    // A process that is started ahead is for no turn.
    const ofTurns = spawned.filter((keyId) => keyId !== undefined);
    expect([gateway.ran.at(-1)?.info.keyId, ofTurns.at(-1)]).to.deep.equal(["badge-holder", "badge-holder"]);
  });

  it("fall to the configured keys without an answer, and are refused if no one knows the key", async () => {
    expect((await gateway.fetch("/sessions")).status).to.equal(200);
    expect((await ask("/sessions")).status).to.equal(401);
    expect((await ask("/sessions", { authorization: "Bearer badge-2" })).status).to.equal(401);
    expect((await ask("/health")).status).to.equal(200);
    expect(heads).to.have.length(3);
  });

  it("are asked about each time, so that a revoked key is out with the next request", async () => {
    expect((await ask("/sessions", asBadge)).status).to.equal(200);
    answer = () => new Refusal(401, "this badge was revoked");
    const refused = await ask("/sessions", asBadge);
    expect([refused.status, await refused.json()]).to.deep.equal([
      401,
      { error: "this badge was revoked", code: "UNAUTHORIZED" },
    ]);
    answer = () => undefined;
    expect((await ask("/sessions", asBadge)).status).to.equal(401);
  });

  it("show taps no credential but through credentials()", async () => {
    await ask("/sessions?page=1", { ...asBadge, "x-api-key": "badge-1", cookie: "a=b", "x-word": "seen" });
    const [head] = heads;
    expect(head).to.deep.include({ method: "GET", path: "/sessions" });
    expect(head?.headers)
      .to.include({ "x-word": "seen" })
      .and.not.have.any.keys("authorization", "x-api-key", "cookie");
    expect(JSON.stringify([head, admitted, gateway.logs])).to.not.contain("badge-1");
    expect(head?.credentials()).to.deep.equal({
      secret: "badge-1",
      authorization: "Bearer badge-1",
      cookie: "a=b",
    });
  });

  it("may have headers of the response set by a tap, also if they are refused", async () => {
    const refused = await ask("/sessions", { ...asBadge, "x-refuse": "yes" });
    expect([refused.status, refused.headers.get("x-left")]).to.deep.equal([403, "7"]);
    expect((await ask("/sessions", asBadge)).headers.get("x-left")).to.equal("7");
  });

  it("of WebSockets are authenticated in the same way", async () => {
    const opened = (headers: Record<string, string>) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/task/ws`, { headers });
        let left = "";
        socket.on("upgrade", (response) => {
          left = String(response.headers["x-left"]);
        });
        socket.on("open", () => {
          resolve(`open ${left}`);
          socket.terminate();
        });
        socket.on("unexpected-response", (_request, response) => {
          resolve(String(response.statusCode));
          socket.terminate();
        });
        socket.on("error", () => undefined);
      });
    expect(await opened(asBadge)).to.equal("open 7");
    expect(await opened({ "x-api-key": "badge-1" })).to.equal("open 7");
    expect(await opened({ "x-api-key": "badge-2" })).to.equal("401");
    expect(await opened({ ...asBadge, "x-api-key": "badge-2" })).to.equal("401");
    expect(admitted).to.deep.include(["badge-holder", "/task/ws", (admitted[0] as readonly unknown[])[2]]);
  });

  it("to routes that authenticate by themselves pass the request hook and have a caller", async () => {
    const response = await ask("/open/self");
    expect([response.status, await response.json()]).to.deep.equal([200, { keyId: "visitor", admin: false }]);
    expect(response.headers.get("x-left")).to.equal("7");
    const refused = await ask("/open/self", { "x-refuse": "yes" });
    expect([refused.status, await refused.json()]).to.deep.equal([
      403,
      { error: "not today", code: "FORBIDDEN" },
    ]);
    expect(admitted).to.have.length(2);
    expect(admitted).to.have.nested.property("[0][1]", "/open/self");
    expect(completed).to.deep.equal([
      ["visitor", "/open/self", 200],
      ["visitor", "/open/self", 403],
    ]);
  });

  it("cannot be admitted twice, or as someone whose id is not a key id", async () => {
    for (const path of ["/open/twice", "/open/bad", "/closed/self"]) {
      expect((await ask(path, asBadge)).status, path).to.equal(500);
    }
  });

  it("get a 500 if a plugin's answer is not a caller", async () => {
    for (const wrong of [
      null,
      {},
      { keyId: "a" },
      { keyId: "..", admin: true },
      "alice",
      { keyId: "a", admin: 1 },
    ]) {
      answer = () => JSON.parse(JSON.stringify(wrong));
      expect((await ask("/sessions", asBadge)).status, JSON.stringify(wrong)).to.equal(500);
    }
  });
});
