import { Readable } from "node:stream";
import type Router from "@koa/router";
import { loginOf } from "../access/guard.js";
import type { Feed } from "../live/feed.js";
import { allMatching } from "../query.js";
import { UUID } from "./sessions.js";

/** Sessions whose text one stream carries: more than a person watches. */
const MAX_SESSIONS = 50;

/** `GET /events`: changes as server-sent events; with `session`, the text of its running turns too. */
export function eventRoutes(router: Router, feed: Feed): void {
  router.get("/events", async (ctx) => {
    const allowed = "a session's id";
    const sessions = allMatching(ctx, "session", { pattern: UUID, allowed, most: MAX_SESSIONS });
    const reader = feed.open(new Set(sessions), loginOf(ctx));
    // Before the first await: the page may be gone after it.
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
