import { definePlugin } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import Router from "@koa/router";
import { expect } from "chai";

describe("paths that only look like an id", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await createTestGateway();
  });
  after(() => gateway.close());

  async function answer(method: string, path: string) {
    const response = await gateway.fetch(path, { method });
    const body = method === "HEAD" ? "" : await response.text();
    return { status: response.status, allow: response.headers.get("allow"), body };
  }

  const START = { allow: "POST", methods: ["GET", "HEAD", "OPTIONS", "DELETE", "PUT", "PATCH"] };
  const GRANTS = { allow: "GET, HEAD", methods: ["POST", "PUT", "DELETE", "OPTIONS"] };
  for (const [path, { allow, methods }] of [
    ["/session/start", START],
    ["/session/start/", START],
    ["/Session/START", START],
    ["/approvals/grants", GRANTS],
    ["/approvals/grants/", GRANTS],
  ] as const) {
    for (const method of methods) {
      it(`${method} ${path} is 405 and allows ${allow}`, async () => {
        const { status, allow: allowed } = await answer(method, path);
        expect([status, allowed]).to.deep.equal([405, allow]);
      });
    }
  }

  it("are served with their own methods", async () => {
    expect((await gateway.fetch("/session/start", { body: {} })).status).to.equal(200);
    expect((await answer("GET", "/approvals/grants")).status).to.equal(200);
  });

  const NO_ID = [
    "x",
    "..%2f..%2fetc",
    "%zz",
    "start",
    "00000000-0000-4000-8000-00000000000G",
    "a".repeat(4000),
  ];
  for (const [what, pathOf] of [
    ["session", (id: string) => `/session/${id}`],
    ["turn", (id: string) => `/turns/${id}`],
    ["turn", (id: string) => `/turns/${id}/events`],
    ["approval", (id: string) => `/approvals/${id}`],
  ] as const) {
    for (const id of NO_ID.filter((one) => !(one === "start" && what === "session"))) {
      it(`GET ${pathOf(id.slice(0, 40))}: no such ${what}, without a query of the ledger`, async () => {
        const { status, body } = await answer("GET", pathOf(id));
        expect([status, JSON.parse(body)]).to.deep.equal([
          404,
          { error: `no such ${what}`, code: "NOT_FOUND" },
        ]);
      });
    }
  }

  it("session_id of the grants must be an id", async () => {
    const { status, body } = await answer("GET", "/approvals/grants?session_id=x");
    expect(status).to.equal(400);
    expect(JSON.parse(body).error).to.equal('session_id must be the id of a session, got "x"');
  });
});

describe("paths between the nodes of a cluster", () => {
  it("can't be a plugin's", async () => {
    const taker = definePlugin<object>({
      name: "taker",
      apiVersion: 1,
      configSchema: { type: "object" },
      apply: (kernel) => kernel.mount("/cluster/session", new Router()),
    });
    const refused = await createTestGateway({ plugins: [taker] }).catch(String);
    expect(refused).to.contain("prefix /cluster/session is used by the gateway itself");
  });
});
