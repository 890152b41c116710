import type { RequestFields } from "@claudeway/kernel";
import { clientError } from "@claudeway/ports";
import type { SessionDeleted, SessionInterrupted, SessionList, SessionStarted } from "@claudeway/schemas";
import type Router from "@koa/router";
import type { Sessions } from "../../sessions.js";
import { answerWithEvents, answerWithResult } from "../answers.js";
import { bodyAs } from "../body.js";
import { callerOf, type GatewayState } from "../context.js";
import { idOf } from "../ids.js";
import { metadataOf, pageOf } from "../query.js";
import { sendJson } from "../send-json.js";
import { HEARTBEAT_MS, lastEventId, sendFrames } from "../sse.js";
import type { TurnStarter } from "../start-turn.js";

/** `/session…` and `/sessions`: conversations of several turns. */
export function sessionRoutes(
  router: Router<GatewayState>,
  sessions: Sessions,
  starter: TurnStarter,
  fields: RequestFields,
): void {
  router.post("/session/start", async (ctx) => {
    const session = await sessions.start(
      callerOf(ctx),
      fields.read("session-start-request", ctx.request.body),
    );
    const { id: session_id, workdir, createdAt: created_at } = session;
    sendJson(ctx, { session_id, workdir, created_at } satisfies SessionStarted);
  });
  router.get("/sessions", async (ctx) => {
    ctx.body = (await sessions.list(callerOf(ctx), {
      ...pageOf(ctx),
      metadata: metadataOf(ctx),
    })) satisfies SessionList;
  });
  router.get("/session/:id", async (ctx) => {
    sendJson(ctx, await sessions.view(callerOf(ctx), idOf(ctx, "session")));
  });
  router.get("/session/:id/messages", async (ctx) => {
    ctx.body = await sessions.messages(callerOf(ctx), idOf(ctx, "session"), pageOf(ctx));
  });
  router.post("/session/:id/fork", async (ctx) => {
    const [caller, id, body] = [callerOf(ctx), idOf(ctx, "session"), bodyAs(ctx, "session-fork-request")];
    ctx.body = await sessions.fork(caller, id, body);
  });
  router.patch("/session/:id", async (ctx) => {
    const [caller, id] = [callerOf(ctx), idOf(ctx, "session")];
    const changes = fields.read("session-update-request", ctx.request.body);
    if (Object.keys(changes).length === 0)
      throw clientError("BAD_REQUEST", "the body must have at least one field, got {}");
    ctx.body = await sessions.update(caller, id, changes);
  });
  router.get("/session/:id/events", async (ctx) => {
    const gone = new AbortController();
    ctx.res.once("close", () => gone.abort());
    const reading = { after: lastEventId(ctx, 16), heartbeatMs: HEARTBEAT_MS, stop: gone.signal };
    sendFrames(ctx, await sessions.events(callerOf(ctx), idOf(ctx, "session"), reading));
  });
  router.post("/session/:id", async (ctx) => {
    const [caller, id, body] = [
      callerOf(ctx),
      idOf(ctx, "session"),
      fields.read("session-turn-request", ctx.request.body),
    ];
    await answerWithResult(
      ctx,
      await starter.start(ctx, body, (turn) => sessions.prompt(caller, id, body, turn, ctx.state.storeFiles)),
    );
  });
  router.post("/session/:id/stream", async (ctx) => {
    const [caller, id, body] = [
      callerOf(ctx),
      idOf(ctx, "session"),
      fields.read("session-turn-request", ctx.request.body),
    ];
    const begin = (turn: string) => sessions.prompt(caller, id, body, turn, ctx.state.storeFiles);
    const entered = await starter.start(ctx, body, begin);
    answerWithEvents(ctx, entered, { mode: body.stream });
  });
  router.post("/session/:id/interrupt", async (ctx) => {
    const session_id = idOf(ctx, "session");
    ctx.body = {
      session_id,
      interrupted: await sessions.interrupt(callerOf(ctx), session_id),
    } satisfies SessionInterrupted;
  });
  router.post("/session/:id/approve", async (ctx) => {
    const [caller, id, { tool_use_ids }] = [
      callerOf(ctx),
      idOf(ctx, "session"),
      bodyAs(ctx, "approve-request"),
    ];
    const begin = (turn: string) => sessions.approve(caller, id, tool_use_ids, turn, ctx.state.clientAddress);
    await answerWithResult(ctx, await starter.start(ctx, { detach: false }, begin));
  });
  router.delete("/session/:id", async (ctx) => {
    const session_id = idOf(ctx, "session");
    await sessions.delete(callerOf(ctx), session_id);
    ctx.body = { deleted: true, session_id } satisfies SessionDeleted;
  });
}
