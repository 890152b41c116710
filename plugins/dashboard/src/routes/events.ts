import { Readable } from "node:stream";
import type Router from "@koa/router";
import { loginOf } from "../access/guard.js";
import type { Feed } from "../live/feed.js";
import { matching } from "../query.js";
import { UUID } from "./sessions.js";

/** `GET /events`: what changes, as server-sent events; with `session`, the text of its running turns too. */
export function eventRoutes(router: Router, feed: Feed): void {
  router.get("/events", async (ctx) => {
    const session = matching(ctx, "session", UUID, "a session's id");
    const reader = feed.open(session, loginOf(ctx));
    // Before anything is waited for: a page may be gone by then.
    ctx.res.once("close", () => feed.leave(reader));
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
