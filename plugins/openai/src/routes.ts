import {
  answerFailures,
  begun,
  ended,
  modelRoutes,
  nameTurn,
  sendLines,
  sharedAliases,
  whenGone,
} from "@claudeway/chat";
import type { RouteContext, RouteState } from "@claudeway/core";
import Router, { type RouterContext } from "@koa/router";
import { answerHead, completion } from "./completion.js";
import { failureBody } from "./error-body.js";
import { readRequest } from "./request.js";
import { addResponseRoutes } from "./response-routes.js";
import type { RouteParts } from "./route-parts.js";
import { chunks } from "./stream.js";

type Context = RouterContext<RouteState, RouteContext>;

/** The routes below `/v1`. */
export function openaiRoutes(parts: RouteParts): Router<RouteState, RouteContext> {
  const router = new Router<RouteState, RouteContext>();
  router.use("/models", modelRoutes(parts.control).routes());
  router.post("/chat/completions", (ctx) => answerFailures(ctx, failureBody, () => complete(ctx, parts)));
  addResponseRoutes(router, parts);
  return router;
}

async function complete(ctx: Context, { chats, config, control, log }: RouteParts): Promise<void> {
  const { caller } = ctx.state;
  if (caller === undefined) throw new Error("the routes of /v1 require a key");
  const request = readRequest(ctx.request?.body, {
    headers: ctx.headers,
    keyId: caller.keyId,
    config,
    aliases: sharedAliases(control),
  });
  const begunAnswer = await begun(chats.run(request.chat, whenGone(ctx.res)));
  nameTurn(ctx, begunAnswer.turn, "x-request-id");
  const head = answerHead(request);
  if (request.stream) sendLines(ctx, chunks(head, request, begunAnswer, log));
  else ctx.body = completion(head, request, await ended(begunAnswer));
}
