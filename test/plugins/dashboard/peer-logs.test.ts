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
    const empty = JSON.stringify({ entries: [], total: 0, read_bytes: 0, before: null, folders: [] });
    const other = await serve(createServer((_request, response) => response.end(empty)));
    nodes = [NODE_A, { ...NODE_A, node: "b", self: false, url: other }];
    const control = { logDir, nodes: async () => nodes } as Partial<GatewayControl> as GatewayControl;
    const router = new Router();
    logRoutes(router, { control, ledger: NO_LINES, peers: new Peers(control, NO_OWNER) });
    url = await serve(createServer(new Koa().use(router.routes()).callback()));
  });
  afterEach(() => {
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
});
