import { Readable } from "node:stream";
import type Router from "@koa/router";
import { loginOf } from "../access/guard.js";
import type { Feed } from "../live/feed.js";
import { followPeers } from "../live/peer-feed.js";
import { askingOf, type Peers } from "../peers.js";
import { allMatching } from "../query.js";
import { UUID } from "./sessions.js";

/** Sessions whose text one stream carries: more than a person watches. */
const MAX_SESSIONS = 50;

/**
 * `GET /events`: changes as server-sent events; with `session`, the text of its running turns too. In a cluster, of all
 * gateways.
 */
export function eventRoutes(router: Router, feed: Feed, peers: Peers): void {
  router.get("/events", async (ctx) => {
    const allowed = "a session's id";
    const sessions = allMatching(ctx, "session", { pattern: UUID, allowed, most: MAX_SESSIONS });
    // There is no event for a page that has left already.
    if (ctx.res.destroyed) return;
    const reader = feed.open(new Set(sessions), loginOf(ctx));
    // Before the next await: the page may be gone after it.
    ctx.res.once("close", () => feed.leave(reader));
    if (await peers.asks(ctx)) void followPeers(reader, peers, askingOf(ctx));
    await feed.followRunning(reader);
    ctx.set({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    });
    ctx.status = 200;
    ctx.body = Readable.from(reader.events(), { objectMode: false, highWaterMark: 16_384 });
  });
}
