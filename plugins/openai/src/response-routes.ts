import { answerChat, answerFailures, type ChatEnd, keyOf, sourceOf, whenGone } from "@claudeway/chat";
import { Refusal, type RouteContext, type RouteState } from "@claudeway/core";
import type Router from "@koa/router";
import type { RouterContext } from "@koa/router";
import { failureBody } from "./error-body.js";
import { completedBody, outputText, type ResponseHead } from "./response-body.js";
import { ResponseMemory, type Spend } from "./response-memory.js";
import { ResponseReads } from "./response-reads.js";
import { type ResponseRequest, readResponseRequest } from "./response-request.js";
import { newNumber, numberIn, type ResponseStore } from "./response-store.js";
import { ResponseStream } from "./response-stream.js";
import type { RouteParts } from "./route-parts.js";

type Context = RouterContext<RouteState, RouteContext>;

/** `/v1/responses`: answers that are stored, unless the client does not want that. */
export function addResponseRoutes(router: Router<RouteState, RouteContext>, parts: RouteParts): void {
  const { responses } = parts;
  const memory = new ResponseMemory();
  const spendFor = (ctx: Context) => memory.spendFor(keyOf(ctx), ctx.res);
  const route = (answer: (ctx: Context, id: string) => Promise<void>) => (ctx: Context) =>
    answerFailures(ctx, failureBody, () => answer(ctx, ctx.params["id"] ?? ""));
  router.post(
    "/responses",
    route((ctx) => respond(ctx, parts, spendFor(ctx))),
  );
  router.get(
    "/responses/:id",
    route(async (ctx, id) => {
      const stored = await responses.get(keyOf(ctx), id, spendFor(ctx));
      if (stored === undefined) throw notStored(id);
      ctx.body = stored.body;
    }),
  );
  router.delete(
    "/responses/:id",
    route(async (ctx, id) => {
      if (!(await responses.delete(keyOf(ctx), id, spendFor(ctx)))) throw notStored(id);
      ctx.body = { id, object: "response", deleted: true };
    }),
  );
}

async function respond(ctx: Context, parts: RouteParts, hold: Spend): Promise<void> {
  const { chats, responses, log } = parts;
  const source = sourceOf(ctx, parts);
  const reads = new ResponseReads(responses, source.keyId, whenGone(ctx.res), hold);
  const request = await readResponseRequest(ctx.request?.body, source, reads);
  const head = { number: newNumber(), createdAt: Math.floor(Date.now() / 1000) };
  const keep = (end: ChatEnd) => store(head, request, end, responses);
  await answerChat(ctx, chats, request.chat, {
    idHeader: "x-request-id",
    stream: request.stream,
    lines: (answer) => new ResponseStream(head, request, keep, log).events(answer),
    whole: async (end) => {
      await keep(end);
      return completedBody(head, request, end);
    },
  });
}

async function store(
  head: ResponseHead,
  request: ResponseRequest,
  end: ChatEnd,
  responses: ResponseStore,
): Promise<void> {
  if (!request.store) return;
  const { chat, input, previous } = request;
  await responses.save(head.number, {
    keyId: chat.keyId,
    parent: previous === undefined ? undefined : `resp_${numberIn(previous) ?? ""}`,
    input,
    output: outputText(request, end.response),
    body: completedBody(head, request, end),
  });
}

function notStored(id: string): Refusal {
  return new Refusal(404, `the response ${JSON.stringify(id.slice(0, 100))} is not stored`, {
    details: { param: "response_id", code: "response_not_found" },
  });
}
