import { answerChat, answerFailures, modelRoutes, sourceOf } from "@claudeway/chat";
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

async function complete(ctx: Context, parts: RouteParts): Promise<void> {
  const request = readRequest(ctx.request?.body, sourceOf(ctx, parts));
  const head = answerHead(request);
  await answerChat(ctx, parts.chats, request.chat, {
    idHeader: "x-request-id",
    stream: request.stream,
    lines: (answer) => chunks(head, request, answer, parts.log),
    whole: (end) => completion(head, request, end),
  });
}
