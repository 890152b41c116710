import type { SessionDeleted, SessionList, SessionStarted } from "@claudeway/schemas";
import type Router from "@koa/router";
import { GatewayError } from "../../errors.js";
import { type Sessions, viewOf } from "../../sessions.js";
import { answerWithEvents, answerWithResult } from "../answers.js";
import { bodyAs } from "../body.js";
import { callerOf, type GatewayContext, type GatewayState } from "../context.js";
import { wholeNumber } from "../query.js";

/** `/session…` and `/sessions`: conversations that are kept. */
export function sessionRoutes(router: Router<GatewayState>, sessions: Sessions): void {
  router.post("/session/start", async (ctx) => {
    const session = await sessions.start(callerOf(ctx), bodyAs(ctx, "session-start-request"));
    const { id: session_id, workdir, createdAt: created_at } = session;
    ctx.body = { session_id, workdir, created_at } satisfies SessionStarted;
  });
  router.get("/sessions", async (ctx) => {
    const query = {
      page: wholeNumber(ctx, "page", 1, 1_000_000),
      limit: wholeNumber(ctx, "limit", 20, 1000),
    };
    ctx.body = (await sessions.list(callerOf(ctx), query)) satisfies SessionList;
  });
  router.get("/session/:id", async (ctx) => {
    ctx.body = viewOf(await sessions.owned(callerOf(ctx), idOf(ctx)));
  });
  router.post("/session/:id", async (ctx) => {
    const body = bodyAs(ctx, "session-turn-request");
    await answerWithResult(ctx, await sessions.prompt(callerOf(ctx), idOf(ctx), body), body.detach);
  });
  router.post("/session/:id/stream", async (ctx) => {
    const body = bodyAs(ctx, "session-turn-request");
    const turn = await sessions.prompt(callerOf(ctx), idOf(ctx), body);
    answerWithEvents(ctx, turn, { detach: body.detach, mode: body.stream });
  });
  router.post("/session/:id/interrupt", async (ctx) => {
    const session_id = idOf(ctx);
    ctx.body = { session_id, interrupted: await sessions.interrupt(callerOf(ctx), session_id) };
  });
  router.post("/session/:id/approve", async (ctx) => {
    const { tool_use_ids } = bodyAs(ctx, "approve-request");
    await answerWithResult(ctx, await sessions.approve(callerOf(ctx), idOf(ctx), tool_use_ids), false);
  });
  router.delete("/session/:id", async (ctx) => {
    const session_id = idOf(ctx);
    await sessions.delete(callerOf(ctx), session_id);
    ctx.body = { deleted: true, session_id } satisfies SessionDeleted;
  });
}

function idOf(ctx: GatewayContext & { readonly params: Readonly<Record<string, string>> }): string {
  const { id } = ctx.params;
  if (id === undefined) throw new GatewayError("NOT_FOUND", "no such session");
  return id;
}
