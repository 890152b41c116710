import {
  begun,
  ChatFailure,
  type ChatTurns,
  ended,
  listModels,
  nameTurn,
  sendLines,
  whenGone,
} from "@claudeway/chat";
import {
  type GatewayControl,
  type PluginScope,
  Refusal,
  type RouteContext,
  type RouteState,
} from "@claudeway/core";
import Router, { type RouterContext } from "@koa/router";
import { answerHead, completion } from "./completion.js";
import type { OpenAIConfig } from "./config.js";
import { failureBody } from "./error-body.js";
import { readRequest } from "./request.js";
import { chunks } from "./stream.js";

export interface RouteParts {
  readonly config: OpenAIConfig;
  readonly chats: ChatTurns;
  readonly control: Pick<GatewayControl, "models">;
  readonly log: PluginScope["log"];
}

type Context = RouterContext<RouteState, RouteContext>;

/** The routes below `/v1`. */
export function openaiRoutes(parts: RouteParts): Router<RouteState, RouteContext> {
  const { config, control } = parts;
  const router = new Router<RouteState, RouteContext>();
  router.get("/models", async (ctx) => {
    ctx.body = listModels(await control.models(), config.aliases);
  });
  router.get("/models/*name", async (ctx) => {
    const { name = "" } = ctx.params;
    const found = listModels(await control.models(), config.aliases).data.find(({ id }) => id === name);
    if (found === undefined)
      throw new Refusal(404, `the model ${JSON.stringify(name.slice(0, 200))} does not exist`, {
        details: { param: "model", code: "model_not_found" },
      });
    ctx.body = found;
  });
  router.post("/chat/completions", (ctx) => answer(ctx, parts));
  return router;
}

async function answer(ctx: Context, parts: RouteParts): Promise<void> {
  try {
    await complete(ctx, parts);
  } catch (error) {
    if (!(error instanceof ChatFailure)) throw error;
    ctx.status = error.status;
    if (error.retryAfterSecs !== undefined) ctx.set("retry-after", String(error.retryAfterSecs));
    // Clients repeat requests with these statuses unless they are told not to.
    else ctx.set("x-should-retry", "false");
    ctx.body = failureBody(error);
  }
}

async function complete(ctx: Context, { chats, config, log }: RouteParts): Promise<void> {
  const { caller } = ctx.state;
  if (caller === undefined) throw new Error("the routes of /v1 require a key");
  const request = readRequest(ctx.request?.body, ctx.headers, caller.keyId, config);
  const begunAnswer = await begun(chats.run(request.chat, whenGone(ctx.res)));
  nameTurn(ctx, begunAnswer.turn);
  const head = answerHead(request);
  if (request.stream) sendLines(ctx, chunks(head, request, begunAnswer, log));
  else ctx.body = completion(head, request, await ended(begunAnswer));
}
