import { createServer } from "node:http";
import type { PluginStore, RouteContext, RouteState } from "@claudeway/core";
import { expect } from "chai";
import Koa from "koa";
import { Prompts } from "#plugins/mcp/prompts.js";
import { Resources } from "#plugins/mcp/resources.js";
import { mcpRoutes } from "#plugins/mcp/routes.js";
import { SessionTable } from "#plugins/mcp/session-table.js";
import { SharedSessions } from "#plugins/mcp/shared-sessions.js";
import type { Tool } from "#plugins/mcp/tool.js";
import { listeningPort } from "../../e2e/address.js";
import { deferred } from "../../kernel/kit.js";
import { memoryStore } from "../memory-store.js";

const CALLER = { keyId: "bob", admin: false };
const CONFIG = {
  timeout_secs: 60,
  approvals: "off",
  max_sessions_per_key: 2,
  session_idle_minutes: 1,
  max_resource_bytes: 1000,
  authorization_servers: [],
  cors_origins: [],
} as const;

describe("mcp: a client that leaves before its call is registered", () => {
  const body = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "work", arguments: {} } };
  const [reached, held] = [deferred(), deferred()];
  const store = memoryStore();
  /** A database that is slow. */
  const slow: PluginStore = {
    ...store,
    get: async (key) => {
      reached.resolve();
      await held.promise;
      return store.get(key);
    },
  };
  let worked = 0;
  const work: Tool = {
    name: "work",
    title: "Work",
    description: "",
    fields: [],
    run: async () => {
      worked++;
      return { text: "", data: {} };
    },
  };

  it("leaves no call behind, and begins no work", async () => {
    const log = Object({ debug: () => undefined, warn: () => undefined });
    const sessions = Object({ list: async () => ({ sessions: [], total: 0 }) });
    const parts = {
      tools: [work],
      resources: new Resources({ sessions, maxBytes: 1000 }),
      prompts: new Prompts({ commands: async () => [] }),
      version: "1",
      log,
    };
    const shared = new SharedSessions(slow, 60_000);
    const table = new SessionTable(parts, { maxPerKey: 2, idleMs: 60_000, shared, log });
    const { id } = await table.begin(CALLER);
    const [left, answered] = [deferred(), deferred()];
    const app = new Koa<RouteState, RouteContext>();
    app.use(async (ctx, next) => {
      ctx.state = { ...ctx.state, caller: CALLER };
      ctx.request.body = body;
      ctx.res.once("close", () => left.resolve());
      await next().finally(() => answered.resolve());
    });
    app.use(mcpRoutes(table, CONFIG).routes());
    const server = createServer(app.callback()).listen(0, "127.0.0.1");
    try {
      const leaving = new AbortController();
      const call = fetch(`http://127.0.0.1:${await listeningPort(server)}/`, {
        method: "POST",
        headers: { accept: "application/json, text/event-stream", "mcp-session-id": id },
        signal: leaving.signal,
      });
      await reached.promise;
      leaving.abort();
      await call.catch(() => undefined);
      await left.promise;
      held.resolve();
      await answered.promise;
      expect(table.callsOf(CALLER.keyId)).to.equal(0);
      expect(worked).to.equal(0);
    } finally {
      await table.close();
      server.close();
    }
  });
});
