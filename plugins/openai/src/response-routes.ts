import { answerChat, answerFailures, type ChatEnd, keyOf, sourceOf, whenGone } from "@claudeway/chat";
import { Refusal, type RouteContext, type RouteState } from "@claudeway/core";
import type Router from "@koa/router";
import type { RouterContext } from "@koa/router";
import { failureBody } from "./error-body.js";
import { type CompletedBody, completedBody, outputText, type ResponseHead } from "./response-body.js";
import { ResponseMemory, type Spend } from "./response-memory.js";
import { ResponseReads } from "./response-reads.js";
import { type ResponseRequest, readResponseRequest } from "./response-request.js";
import { newNumber, numberIn } from "./response-store.js";
import { ResponseStream } from "./response-stream.js";
import type { RouteParts } from "./route-parts.js";

type Context = RouterContext<RouteState, RouteContext>;

/** `/v1/responses`: answers that are stored, unless the client does not want that. */
export function addResponseRoutes(router: Router<RouteState, RouteContext>, parts: RouteParts): void {
  const { responses } = parts;
  const memory = new ResponseMemory();
  const route = (answer: (ctx: Context, spend: Spend, id: string) => Promise<void>) => (ctx: Context) =>
    answerFailures(ctx, failureBody, () =>
      memory.during(keyOf(ctx), ctx.res, (spend) => answer(ctx, spend, ctx.params["id"] ?? "")),
    );
  router.post(
    "/responses",
    route((ctx, spend) => respond(ctx, parts, spend)),
  );
  router.get(
    "/responses/:id",
    route(async (ctx, spend, id) => {
      const stored = await responses.get(keyOf(ctx), id, spend);
      if (stored === undefined) throw notStored(id);
      ctx.body = stored.body;
    }),
  );
  router.delete(
    "/responses/:id",
    route(async (ctx, _spend, id) => {
      if (!(await responses.delete(keyOf(ctx), id))) throw notStored(id);
      ctx.body = { id, object: "response", deleted: true };
    }),
  );
}

async function respond(ctx: Context, parts: RouteParts, hold: Spend): Promise<void> {
  const { chats, log } = parts;
  const source = sourceOf(ctx, parts);
  const gone = whenGone(ctx.res);
  const reads = new ResponseReads(parts.responses, source.keyId, gone, hold);
  const request = await readResponseRequest(ctx.request?.body, source, reads);
  if (gone.aborted) throw new Refusal(400, "the client disconnected");
  const head = { number: newNumber(), createdAt: Math.floor(Date.now() / 1000) };
  const whole = (end: ChatEnd) => completed(head, request, end, parts);
  await answerChat(ctx, chats, request.chat, {
    idHeader: "x-request-id",
    stream: request.stream,
    lines: (answer) => new ResponseStream(head, request, whole, log).events(answer),
    whole,
  });
}

/**
 * The whole response, which is stored if that was asked for. One that can't be stored says so in `store`: it is paid for, and
 * clients would send the request again after an error.
 */
async function completed(
  head: ResponseHead,
  request: ResponseRequest,
  end: ChatEnd,
  { responses, log }: Pick<RouteParts, "responses" | "log">,
): Promise<CompletedBody> {
  const body = completedBody(head, request, end);
  if (!request.store) return body;
  const { chat, input, previous } = request;
  try {
    await responses.save(head.number, {
      keyId: chat.keyId,
      parent: previous === undefined ? undefined : `resp_${numberIn(previous) ?? ""}`,
      input,
      output: outputText(request, end.response),
      body,
    });
    return body;
  } catch (error) {
    log.error({ err: error, key: chat.keyId }, "a response could not be stored");
    return { ...body, store: false };
  }
}

function notStored(id: string): Refusal {
  return new Refusal(404, `the response ${JSON.stringify(id.slice(0, 100))} is not stored`, {
    details: { param: "response_id", code: "response_not_found" },
  });
}
