import { answerChat, answerFailures, type ChatRouteParts, sourceOf } from "@claudeway/chat";
import type { RouteContext, RouteState } from "@claudeway/core";
import Router, { type RouterContext } from "@koa/router";
import type { AnthropicConfig } from "./config.js";
import { failureBody } from "./error-body.js";
import { message } from "./message.js";
import { readRequest } from "./request.js";
import { messageEvents } from "./stream.js";
import { estimateTokens } from "./token-estimate.js";

type RouteParts = ChatRouteParts<AnthropicConfig>;
type Context = RouterContext<RouteState, RouteContext>;

/** The routes below `/v1/messages`. */
export function messageRoutes(parts: RouteParts): Router<RouteState, RouteContext> {
  const router = new Router<RouteState, RouteContext>();
  router.post("/", (ctx) => answerFailures(ctx, failureBody, () => answer(ctx, parts)));
  router.post("/count_tokens", (ctx) => {
    const request = readRequest(ctx.request?.body, sourceOf(ctx, parts));
    ctx.body = { input_tokens: estimateTokens(request), estimated: true };
  });
  return router;
}

async function answer(ctx: Context, { chats, log, ...parts }: RouteParts): Promise<void> {
  const request = readRequest(ctx.request?.body, sourceOf(ctx, parts));
  await answerChat(ctx, chats, request.chat, {
    idHeader: "request-id",
    stream: request.stream,
    lines: (begun) => messageEvents(request, begun, log),
    whole: (end) => message(request, end),
  });
}
