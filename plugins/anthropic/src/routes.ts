import {
  answerFailures,
  begun,
  type ChatTurns,
  ended,
  nameTurn,
  sendLines,
  sharedAliases,
  whenGone,
} from "@claudeway/chat";
import type { GatewayControl, PluginScope, RouteContext, RouteState } from "@claudeway/core";
import Router, { type RouterContext } from "@koa/router";
import type { AnthropicConfig } from "./config.js";
import { failureBody } from "./error-body.js";
import { message } from "./message.js";
import { type MessageRequest, readRequest } from "./request.js";
import { messageEvents } from "./stream.js";
import { estimateTokens } from "./token-estimate.js";

export interface RouteParts {
  readonly config: AnthropicConfig;
  readonly chats: ChatTurns;
  readonly control: Pick<GatewayControl, "models" | "plugins">;
  readonly log: PluginScope["log"];
}

type Context = RouterContext<RouteState, RouteContext>;

/** The routes below `/v1/messages`. */
export function messageRoutes(parts: RouteParts): Router<RouteState, RouteContext> {
  const router = new Router<RouteState, RouteContext>();
  router.post("/", (ctx) => answerFailures(ctx, failureBody, () => answer(ctx, parts)));
  router.post("/count_tokens", (ctx) => {
    ctx.body = { input_tokens: estimateTokens(requestOf(ctx, parts)), estimated: true };
  });
  return router;
}

function requestOf(ctx: Context, { config, control }: RouteParts): MessageRequest {
  const { caller } = ctx.state;
  if (caller === undefined) throw new Error("the routes of /v1/messages require a key");
  const source = { headers: ctx.headers, keyId: caller.keyId, config, aliases: sharedAliases(control) };
  return readRequest(ctx.request?.body, source);
}

async function answer(ctx: Context, parts: RouteParts): Promise<void> {
  const request = requestOf(ctx, parts);
  const begunAnswer = await begun(parts.chats.run(request.chat, whenGone(ctx.res)));
  nameTurn(ctx, begunAnswer.turn, "request-id");
  if (request.stream) sendLines(ctx, messageEvents(request, begunAnswer, parts.log));
  else ctx.body = message(request, await ended(begunAnswer));
}
