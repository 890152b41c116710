import type { RequestFields } from "@claudeway/kernel";
import { type Caller, clientError } from "@claudeway/ports";
import type { SessionDeleted, SessionInterrupted, SessionList, SessionStarted } from "@claudeway/schemas";
import type Router from "@koa/router";
import type { RouterContext } from "@koa/router";
import type { Sessions } from "../../sessions.js";
import { answerWithEvents, answerWithResult } from "../answers.js";
import { bodyAs } from "../body.js";
import { callerOf, type GatewayState } from "../context.js";
import { whenClosed } from "../exchanges.js";
import { idOf } from "../ids.js";
import { metadataOf, pageOf } from "../query.js";
import { sendJson } from "../send-json.js";
import { HEARTBEAT_MS, lastEventId, sendFrames } from "../sse.js";
import type { BeginTurn, TurnStarter } from "../start-turn.js";

/** `/session…` and `/sessions`: conversations of several turns. */
export function sessionRoutes(
  router: Router<GatewayState>,
  sessions: Sessions,
  starter: TurnStarter,
  fields: RequestFields,
): void {
  router.post("/session/start", async (ctx) => {
    const body = fields.read("session-start-request", ctx.request.body);
    const session = await sessions.start(callerOf(ctx), body);
    const { id: session_id, workdir, createdAt: created_at } = session;
    sendJson(ctx, { session_id, workdir, created_at } satisfies SessionStarted);
  });
  router.get("/sessions", async (ctx) => {
    const query = { ...pageOf(ctx), metadata: metadataOf(ctx) };
    ctx.body = (await sessions.list(callerOf(ctx), query)) satisfies SessionList;
  });
  router.get("/session/:id", async (ctx) => {
    sendJson(ctx, await sessions.view(...sessionOf(ctx)));
  });
  router.get("/session/:id/messages", async (ctx) => {
    ctx.body = await sessions.messages(...sessionOf(ctx), pageOf(ctx));
  });
  router.post("/session/:id/fork", async (ctx) => {
    ctx.body = await sessions.fork(...sessionOf(ctx), bodyAs(ctx, "session-fork-request"));
  });
  router.patch("/session/:id", async (ctx) => {
    const session = sessionOf(ctx);
    const changes = fields.read("session-update-request", ctx.request.body);
    if (Object.keys(changes).length === 0)
      throw clientError("BAD_REQUEST", "the body must have at least one field, got {}");
    ctx.body = await sessions.update(...session, changes);
  });
  router.get("/session/:id/events", async (ctx) => {
    const gone = new AbortController();
    whenClosed(ctx.res, () => gone.abort());
    const reading = { after: lastEventId(ctx, 16), heartbeatMs: HEARTBEAT_MS, stop: gone.signal };
    sendFrames(ctx, await sessions.events(...sessionOf(ctx), reading));
  });
  const prompt = async (ctx: RouterContext<GatewayState>) => {
    const session = sessionOf(ctx);
    const body = fields.read("session-turn-request", ctx.request.body);
    const begin: BeginTurn = (turn, arrival) =>
      sessions.prompt(...session, body, turn, ctx.state.storeFiles, arrival);
    const arrive = () => sessions.arrive(...session);
    return { body, started: await starter.start(ctx, body, begin, { arrive }) };
  };
  router.post("/session/:id", async (ctx) => answerWithResult(ctx, (await prompt(ctx)).started));
  router.post("/session/:id/stream", async (ctx) => {
    const { body, started } = await prompt(ctx);
    answerWithEvents(ctx, started, { mode: body.stream });
  });
  router.post("/session/:id/interrupt", async (ctx) => {
    const session_id = idOf(ctx, "session");
    const interrupted = await sessions.interrupt(callerOf(ctx), session_id);
    ctx.body = { session_id, interrupted } satisfies SessionInterrupted;
  });
  router.post("/session/:id/approve", async (ctx) => {
    const session = sessionOf(ctx);
    const { tool_use_ids } = bodyAs(ctx, "approve-request");
    const begin = (turn: string) => sessions.approve(...session, tool_use_ids, turn, ctx.state.clientAddress);
    await answerWithResult(ctx, await starter.start(ctx, { detach: false }, begin));
  });
  router.delete("/session/:id", async (ctx) => {
    const session_id = idOf(ctx, "session");
    await sessions.delete(callerOf(ctx), session_id);
    ctx.body = { deleted: true, session_id } satisfies SessionDeleted;
  });
}

/** Whose session the request is about, and its id. */
function sessionOf(ctx: RouterContext<GatewayState>): [Caller, string] {
  return [callerOf(ctx), idOf(ctx, "session")];
}
