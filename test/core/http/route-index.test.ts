import Router from "@koa/router";
import { expect } from "chai";
import type { GatewayState } from "#core/http/context.js";
import { indexRoutes } from "#core/http/route-index.js";

const ROUTES = [
  "/",
  "/health",
  "/sessions",
  "/session/start",
  "/session/:id",
  "/session/:id/files/*path",
  "/turns/:id",
];
const PATHS = [
  ...["/health", "/HEALTH", "/health/", "/health//", "/healthy", "/"],
  ...[
    "/session",
    "/session/",
    "/session/start",
    "/Session/Start/",
    "/session/1",
    "/session/%31",
    "/session//1",
  ],
  ...[
    "/session/1/files/a/b",
    "/session/1/files/",
    "/sessions",
    "/sessions/1",
    "/%73essions",
    "//sessions",
    "*",
  ],
];

function routerOf(paths: readonly string[]): Router<GatewayState> {
  const router = new Router<GatewayState>();
  for (const path of paths) router.get(path, () => undefined);
  router.delete("/session/:id", () => undefined);
  return router;
}

describe("indexRoutes", () => {
  const plain = routerOf(ROUTES);
  const indexed = routerOf(ROUTES);
  indexRoutes(indexed);

  for (const path of PATHS) {
    it(`matches ${path} as a router without an index does`, () => {
      for (const method of ["GET", "DELETE", "POST"]) {
        const [wanted, found] = [plain, indexed].map((router) => {
          const { path: any, pathAndMethod, route } = router.match(path, method);
          const [paths, both] = [any, pathAndMethod].map((layers) => layers.map((layer) => layer.path));
          return { paths, both, route };
        });
        expect(found, method).to.deep.equal(wanted);
      }
    });
  }

  it("compares a path only with routes that begin like it", () => {
    let compared = 0;
    const router = routerOf(ROUTES);
    for (const layer of router.stack) {
      const { regexp } = layer;
      layer.match = (path) => {
        compared++;
        return regexp?.test(path) ?? false;
      };
    }
    indexRoutes(router);
    router.match("/health", "GET");
    expect(compared).to.equal(1);
  });

  it("refuses a route that begins with a parameter, and routes added later", () => {
    expect(() => indexRoutes(routerOf(["/:any"]))).to.throw("must begin with a plain segment, got /:any");
    expect(() => indexed.get("/later", () => undefined)).to.throw(TypeError);
  });
});
