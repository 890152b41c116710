import { expect } from "chai";
import { checkPrefix, type Mount, RouteTable } from "#kernel/routes.js";
import { processorMs } from "../processor-time.js";
import { createKernel, plugin, rejectionMessage, router } from "./kit.js";

function mount(prefix: string): Mount {
  return {
    prefix,
    plugin: "p",
    router: router(),
    auth: "key",
    openapi: {},
    running: true,
    enter: undefined,
  };
}

describe("plugin routes", () => {
  const table = new RouteTable();
  table.replaceAll(["/reports", "/reports/daily", "/openapi.json"].map(mount));

  const matches: readonly [path: string, prefix: string | undefined][] = [
    ["/reports", "/reports"],
    ["/reports/", "/reports"],
    ["/reports/weekly", "/reports"],
    ["/reports/daily", "/reports/daily"],
    ["/reports/daily/5", "/reports/daily"],
    ["/reports/dailyX", "/reports"],
    ["/reportsX", undefined],
    ["/openapi.json", "/openapi.json"],
    ["/Reports", undefined],
    ["/%72eports", undefined],
    ["//reports", undefined],
    ["/x/reports", undefined],
    ["/", undefined],
    ["", undefined],
    ["reports", undefined],
    ["*", undefined],
  ];
  for (const [path, prefix] of matches) {
    it(`gives ${prefix ?? "nothing"} for "${path}"`, () => {
      expect(table.match(path)?.prefix).to.equal(prefix);
    });
  }

  it("is quick on a path of nothing but slashes", () => {
    const path = `/reports${"/".repeat(100_000)}`;
    const started = processorMs();
    for (let round = 0; round < 1000; round += 1) table.match(path);
    expect(table.match(path)?.prefix).to.equal("/reports");
    expect(processorMs() - started).to.be.below(500);
  });

  for (const prefix of [
    "",
    "/",
    "reports",
    "/reports/",
    "//x",
    "/a b",
    "/a/:id",
    "/a?b",
    "/ä",
    "/a/*",
    "/..",
    "/a/./b",
  ]) {
    it(`refuses "${prefix}" as a prefix`, () => {
      expect(() => checkPrefix(prefix)).to.throw(TypeError, "must be a path such as");
    });
  }

  it("refuses a prefix that would catch everything", async () => {
    const { kernel } = createKernel();
    const greedy = plugin("greedy", (scope) => scope.mount("/", router()));
    expect(await rejectionMessage(kernel.enable({ plugins: [greedy] }))).to.equal(
      'plugin greedy: did not start: prefix must be a path such as "/reports", got "/"',
    );
  });

  it("refuses prefixes of the gateway itself, and what lies below them", async () => {
    const { kernel } = createKernel({ reservedPrefixes: ["/task", "/session"] });
    for (const prefix of ["/task", "/task/mine", "/Task", "/SESSION/x"] as const) {
      const taker = plugin("taker", (scope) => scope.mount(prefix, router()));
      expect(await rejectionMessage(kernel.enable({ plugins: [taker] }))).to.equal(
        `plugin taker: did not start: prefix ${prefix} is used by the gateway itself; choose another`,
      );
    }
    await kernel.enable({ plugins: [plugin("other", (scope) => scope.mount("/tasks", router()))] });
  });

  it("keep the authentication and the description of a mount", async () => {
    const { kernel } = createKernel();
    const openapi = { "/": { get: {} } };
    const own = plugin("own", (scope) => {
      scope.mount("/open", router(), { auth: "none", openapi });
      scope.mount("/closed", router());
    });
    await kernel.enable({ plugins: [own] });
    expect(kernel.routes.match("/open")).to.include({ auth: "none", openapi, plugin: "own", running: true });
    expect(kernel.routes.match("/closed")).to.deep.include({ auth: "key", openapi: {} });
  });

  it("refuses an unknown auth, an invalid router, and a prefix mounted twice", async () => {
    const { kernel } = createKernel();
    const attempt = (options: object, given: unknown = router()) =>
      rejectionMessage(
        kernel.enable({
          plugins: [plugin("p", (scope) => Reflect.apply(scope.mount, scope, ["/p", given, options]))],
        }),
      );
    expect(await attempt({ auth: "public" })).to.match(/auth must be "key", "admin" or "none", got "public"/);
    expect(await attempt({ auth: null })).to.match(/auth must be .*, got null/);
    expect(await attempt({}, {})).to.match(/router must be a router/);
    const twice = plugin("p", (scope) => {
      scope.mount("/p", router());
      scope.mount("/p", router());
    });
    expect(await rejectionMessage(kernel.enable({ plugins: [twice] }))).to.match(
      /prefix \/p must be mounted once/,
    );
  });
});
