import { definePlugin, type GatewayControl, type Keys, Refusal } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import Router from "@koa/router";
import { expect } from "chai";
import { rejectionMessage } from "../../kernel/kit.js";

const APP = "https://app.example.com";

describe("options of a mount", () => {
  let gateway: TestGateway;
  let control: GatewayControl;
  let keys: Keys;
  const routes: unknown[] = [];
  const api = definePlugin<object, "control" | "keys">({
    name: "api",
    apiVersion: 1,
    needs: ["control", "keys"],
    configSchema: { type: "object" },
    apply(kernel) {
      ({ control, keys } = kernel);
      kernel.hooks.requestCompleted.tap("routes", ({ method, route }) => {
        routes.push(`${method} ${route}`);
      });
      const router = new Router();
      router.get("/things/:id", (ctx) => {
        ctx.body = { id: ctx.params["id"] };
      });
      router.post("/echo", (ctx) => {
        const { body } = ctx.request;
        if (body === undefined) throw new Refusal(400, "the body must be an object");
        ctx.body = { got: body };
      });
      router.post("/broken", (ctx) => {
        ctx.body = { got: String(Reflect.get(Object(ctx.request.body), "text").length) };
      });
      router.post("/raw", async (ctx) => {
        let text = "";
        for await (const chunk of ctx.req) text += chunk;
        if (text === "bad") throw new Refusal(400, "bad text");
        ctx.body = { text };
      });
      kernel.mount("/plain", router);
      kernel.mount("/styled", router, {
        errors: ({ status, code, error, id }) => ({
          type: "error",
          error: { status, code, message: error, id },
        }),
      });
      kernel.mount("/failing", router, {
        errors: () => {
          throw new Error("no format");
        },
      });
      kernel.mount("/challenging", router, {
        challenge: ({ host, authorization }) => `Bearer realm="${host} ${authorization}"`,
      });
      kernel.mount("/silent", router, {
        challenge: () => "Bearer\r\nx-smuggled: 1",
      });
      kernel.mount("/shared", router, {
        cors: { origins: [APP], exposeHeaders: ["x-left"], credentials: true, maxAgeSecs: 60 },
      });
      kernel.mount("/public", router, { auth: "none", cors: { origins: "*", allowHeaders: ["x-a", "x-b"] } });
    },
  });
  before(async () => {
    gateway = await createTestGateway({ plugins: [api] });
  });
  after(() => gateway.close());

  const json = async (path: string, options: Parameters<TestGateway["fetch"]>[1] = {}) => {
    const response = await gateway.fetch(path, options);
    return [response.status, await response.json()];
  };

  describe("errors", () => {
    it("gives every error below the prefix its format, core's own included", async () => {
      expect(await json("/styled/nothing")).to.deep.equal([
        404,
        {
          type: "error",
          error: { status: 404, code: "NOT_FOUND", message: "no route GET /styled/nothing" },
        },
      ]);
      const [status, body] = await json("/styled/things/1", { key: null });
      expect([status, body]).to.have.nested.property("[1].error.code", "UNAUTHORIZED");
      expect(status).to.equal(401);
      expect(await json("/styled/broken", { method: "POST", body: {} })).to.have.nested.property(
        "[1].error.code",
        "INTERNAL_ERROR",
      );
      expect(await json("/styled/things/1", { method: "DELETE" })).to.have.nested.property(
        "[1].error.code",
        "METHOD_NOT_ALLOWED",
      );
    });

    it("leaves other paths and successes alone", async () => {
      expect(await json("/plain/nothing")).to.have.nested.property("[1].code", "NOT_FOUND");
      expect(await json("/styled/things/1")).to.deep.equal([200, { id: "1" }]);
    });

    it("hides no error if it fails, and is logged", async () => {
      expect(await json("/failing/nothing")).to.have.nested.property("[1].code", "NOT_FOUND");
      expect(gateway.logs.some(({ msg }) => msg === "plugin api: errors failed")).to.equal(true);
    });
  });

  describe("challenge", () => {
    const challengeOf = async (path: string, secret?: string) => {
      const { status, headers } = await gateway.fetch(path, {
        key: null,
        headers: secret === undefined ? {} : { authorization: `Bearer ${secret}` },
      });
      return [status, headers.get("www-authenticate"), headers.get("x-smuggled")];
    };

    it("is the WWW-Authenticate of every 401 below the prefix, and sees no credentials", async () => {
      const own = `Bearer realm="${new URL(gateway.url).host} undefined"`;
      expect(await challengeOf("/challenging/things/1")).to.deep.equal([401, own, null]);
      expect(await challengeOf("/challenging/things/1", "sk-wrong")).to.deep.equal([401, own, null]);
      expect(await challengeOf("/plain/things/1")).to.deep.equal([401, "Bearer", null]);
    });

    it("is Bearer if it is no valid header, and that is logged", async () => {
      expect(await challengeOf("/silent/things/1")).to.deep.equal([401, "Bearer", null]);
      expect(gateway.logs.some(({ msg }) => msg === "plugin api: challenge failed")).to.equal(true);
    });
  });

  describe("cors", () => {
    const ask = (path: string, method: string, headers: Record<string, string>, key: string | null = null) =>
      gateway.fetch(path, { method, headers, key });
    const preflight = {
      "access-control-request-method": "POST",
      "access-control-request-headers": "x-api-key",
    };
    const corsOf = ({ headers }: Response) =>
      Object.fromEntries(
        [...headers].flatMap(([name, value]) =>
          name.startsWith("access-control-") ? [[name.slice("access-control-".length), value]] : [],
        ),
      );

    it("answers preflight requests without a key", async () => {
      const response = await ask("/shared/echo", "OPTIONS", { origin: APP, ...preflight });
      expect([response.status, response.headers.get("vary")]).to.deep.equal([204, "Origin"]);
      expect(corsOf(response)).to.deep.equal({
        "allow-origin": APP,
        "allow-credentials": "true",
        "allow-methods": "GET, HEAD, PUT, POST, DELETE, PATCH",
        "allow-headers": "x-api-key",
        "max-age": "60",
      });
      const open = await ask("/public/echo", "OPTIONS", { origin: "https://x.example", ...preflight });
      expect(corsOf(open)).to.include({ "allow-origin": "*", "allow-headers": "x-a, x-b" });
    });

    it("lets the page read answers and errors", async () => {
      const response = await ask("/shared/things/1", "GET", { origin: APP }, "user");
      expect([response.status, response.headers.get("vary")]).to.deep.equal([200, "Origin"]);
      expect(corsOf(response)).to.deep.equal({
        "allow-origin": APP,
        "allow-credentials": "true",
        "expose-headers": "x-left",
      });
      const refused = await ask("/shared/things/1", "GET", { origin: APP });
      expect([refused.status, corsOf(refused)["allow-origin"]]).to.deep.equal([401, APP]);
    });

    it("allows no other origin, and nothing without it", async () => {
      const other = await ask("/shared/echo", "OPTIONS", { origin: `${APP}.evil.example`, ...preflight });
      expect([other.status, corsOf(other)]).to.deep.equal([204, {}]);
      const plain = await ask("/plain/echo", "OPTIONS", { origin: APP, ...preflight });
      expect([plain.status, corsOf(plain)]).to.deep.equal([401, {}]);
      const core = await ask("/sessions", "OPTIONS", { origin: APP, ...preflight }, "user");
      expect([core.status, corsOf(core)]).to.deep.equal([405, {}]);
      expect((await ask("/shared/things/1", "GET", {}, "user")).headers.get("vary")).to.equal("Origin");
    });
  });

  describe("bodies", () => {
    const post = (path: string, type: string, body: string) =>
      json(path, { method: "POST", headers: { "content-type": type }, body });

    it("other than JSON are a 415 where the route fails without one", async () => {
      const refused = [
        415,
        { error: "content-type must be application/json, got text/plain", code: "UNSUPPORTED_MEDIA_TYPE" },
      ];
      expect(await post("/plain/echo", "text/plain", "{}")).to.deep.equal(refused);
      expect(await post("/plain/broken", "text/plain", "{}")).to.deep.equal(refused);
    });

    it("reach routes that read them, and errors of theirs stay", async () => {
      expect(await post("/plain/raw", "text/plain", "hello")).to.deep.equal([200, { text: "hello" }]);
      expect(await post("/plain/raw", "text/plain", "bad")).to.deep.equal([
        400,
        { error: "bad text", code: "BAD_REQUEST" },
      ]);
      expect(await post("/plain/echo", "application/json", '{"a":1}')).to.deep.equal([
        200,
        { got: { a: 1 } },
      ]);
    });
  });

  it("are refused where they are wrong", async () => {
    const wrong = (options: object) =>
      rejectionMessage(
        createTestGateway({
          plugins: [
            definePlugin<object>({
              name: "wrong",
              apiVersion: 1,
              configSchema: { type: "object" },
              apply: (kernel) => kernel.mount("/wrong", new Router(), options),
            }),
          ],
        }),
      );
    expect(await wrong({ cors: { origins: APP } })).to.contain('cors.origins must be "*" or a list');
    expect(await wrong({ cors: { origins: "*", credentials: true } })).to.contain(
      "cors.credentials must not",
    );
    expect(await wrong({ errors: {} })).to.contain("errors must be a function");
  });

  it("are told the route's template, of core and plugins", async () => {
    await gateway.session();
    for (const path of ["/plain/things/7", "/session/x", "/nothing", "/health"]) await gateway.fetch(path);
    expect(routes.slice(-5)).to.deep.equal([
      "POST /session/start",
      "GET /plain/things/:id",
      "GET /session/:id",
      "GET undefined",
      "GET /health",
    ]);
  });

  it("have the models and the configured keys in the services", async () => {
    expect(await json("/models")).to.deep.equal([200, { models: await control.models() }]);
    expect(keys.list().map(({ id }) => id)).to.deep.equal(["admin", "user"]);
  });
});
