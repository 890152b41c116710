import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import type { GatewayControl, NodeView } from "@claudeway/core";
import Router from "@koa/router";
import { expect } from "chai";
import Koa from "koa";
import { Peers } from "#plugins/dashboard/peers.js";
import { logRoutes } from "#plugins/dashboard/routes/logs.js";
import { isObject } from "#schemas/index.js";
import { listeningPort } from "../../e2e/address.js";
import { temporaryFolder } from "../../temporary.js";

const NODE_A = {
  node: "a",
  self: true,
  url: "http://127.0.0.1:1",
  state: "up",
} as Partial<NodeView> as NodeView;

const NO_LINES = { auditLines: async () => [], byKey: async () => [] };
const NO_OWNER = { node: async () => undefined };

describe("dashboard: the log of several gateways", () => {
  const servers: Server[] = [];
  let nodes: NodeView[];
  let url: string;
  /** What the other gateway was asked for, and its answer. */
  const asked: (string | null)[] = [];
  let left: string | null = null;
  let isAway = false;

  async function serve(server: Server): Promise<string> {
    servers.push(server.listen(0, "127.0.0.1"));
    return `http://127.0.0.1:${await listeningPort(server)}`;
  }

  beforeEach(async () => {
    const logDir = temporaryFolder("claudeway-peer-logs-");
    mkdirSync(join(logDir, "admin"));
    const lines = [1, 2, 3].map((n) =>
      JSON.stringify({ timestamp: `2026-03-01T00:00:0${n}.000Z`, level: "INFO", message: `line ${n}` }),
    );
    writeFileSync(join(logDir, "admin", "2026-03.log"), `${lines.join("\n")}\n`);
    asked.length = 0;
    const other = await serve(
      createServer(({ url = "" }, response) => {
        asked.push(new URL(url, "http://other").searchParams.get("before"));
        response.statusCode = isAway ? 503 : 200;
        response.end(JSON.stringify({ entries: [], total: 0, read_bytes: 0, before: left, folders: [] }));
      }),
    );
    nodes = [NODE_A, { ...NODE_A, node: "b", self: false, url: other }];
    const control = { logDir, nodes: async () => nodes } as Partial<GatewayControl> as GatewayControl;
    const router = new Router();
    logRoutes(router, { control, ledger: NO_LINES, peers: new Peers(control, NO_OWNER) });
    url = await serve(createServer(new Koa().use(router.routes()).callback()));
  });
  afterEach(() => {
    [left, isAway] = [null, false];
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function page(before?: unknown) {
    const query = before === undefined ? "" : `&before=${String(before)}`;
    const body: unknown = await (await fetch(`${url}/logs?date=2026-03&limit=1${query}`)).json();
    if (!isObject(body) || !Array.isArray(body["entries"])) throw new Error(JSON.stringify(body));
    return { ids: body["entries"].map((entry) => String(entry.id)), before: body["before"] };
  }

  it("goes on from page to page while the other gateways leave and join", async () => {
    const both = nodes;
    const first = await page();
    nodes = [NODE_A];
    const second = await page(first.before);
    nodes = both;
    const third = await page(second.before);
    const ids = [...first.ids, ...second.ids, ...third.ids];
    expect(new Set(ids)).to.have.property("size", 3);
    expect(ids.every((id) => id.startsWith("a/admin/"))).to.equal(true, ids.join());
  });

  it("asks a gateway that did not answer again with the next page, from where it was", async () => {
    left = "cursor";
    const first = await page();
    isAway = true;
    const second = await page(first.before);
    isAway = false;
    const third = await page(second.before);
    expect(asked).to.deep.equal([null, "cursor", "cursor"]);
    expect([...first.ids, ...second.ids, ...third.ids]).to.have.length(3);
  });

  it("asks one from its newest lines that did not answer at first", async () => {
    isAway = true;
    const first = await page();
    isAway = false;
    await page(first.before);
    expect(asked).to.deep.equal([null, null]);
  });

  it("goes on with one that was away for a page", async () => {
    left = "cursor";
    const both = nodes;
    const first = await page();
    nodes = nodes.map((node) => (node.self ? node : { ...node, state: "left" }));
    const second = await page(first.before);
    nodes = both;
    await page(second.before);
    expect(asked).to.deep.equal([null, "cursor"]);
  });

  it("ends when only gateways are left that do not answer", async () => {
    isAway = true;
    const first = await page();
    const second = await page(first.before);
    const third = await page(second.before);
    expect(third.before).to.equal(null);
  });
});
