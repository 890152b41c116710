import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import Router from "@koa/router";
import { expect } from "chai";
import Koa from "koa";
import { Feed } from "#plugins/dashboard/live/feed.js";
import type { FeedReader } from "#plugins/dashboard/live/reader.js";
import { eventRoutes } from "#plugins/dashboard/routes/events.js";
import { listeningPort } from "../../e2e/address.js";
import { deferred } from "../../kernel/kit.js";

describe("dashboard: a page that has left before its events begin", () => {
  it("keeps no reader", async () => {
    const tap = { tap: () => undefined };
    const hooks = new Proxy({}, { get: () => tap });
    const control = { load: () => ({}), plugins: () => [], nodes: async () => undefined };
    const feed = new Feed(Object({ control, hooks, onDispose: () => undefined, ledger: {} }));
    const opened: FeedReader[] = [];
    const open = feed.open.bind(feed);
    feed.open = (...of) => {
      const reader = open(...of);
      opened.push(reader);
      return reader;
    };
    const [reached, left, held, answered] = [deferred(), deferred(), deferred(), deferred()];
    const router = new Router();
    router.use(async (ctx, next) => {
      ctx.res.once("close", () => left.resolve());
      reached.resolve();
      // As a slow database, where logins are looked up.
      await held.promise;
      await next().finally(() => answered.resolve());
    });
    eventRoutes(router, feed, Object({ asks: async () => false }));
    const server = createServer(new Koa().use(router.routes()).callback()).listen(0, "127.0.0.1");
    try {
      const client = connect(await listeningPort(server), "127.0.0.1");
      await once(client, "connect");
      client.write("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
      await reached.promise;
      client.destroy();
      await left.promise;
      held.resolve();
      await answered.promise;
      expect(opened.filter(({ ended }) => !ended.aborted)).to.deep.equal([]);
    } finally {
      feed.close();
      server.close();
    }
  });
});
