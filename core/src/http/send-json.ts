import type { MemoryBudget } from "@claudeway/scheduling";
import type { GatewayContext, GatewayMiddleware } from "./context.js";
import { whenClosed } from "./exchanges.js";

/** Answers of this length are counted, in characters. */
const LARGE = 64 * 1024;

/** As text: Koa asks of an object what kind of body it is, and Node loads all of fetch for that the first time. */
export function sendJson({ res, response }: GatewayContext, value: object): void {
  if (!res.headersSent) res.setHeader("content-type", "application/json; charset=utf-8");
  response.body = JSON.stringify(value);
}

/**
 * Counts large answers to GET until their clients have read them. Throws UNAVAILABLE instead of one that there is no room for.
 * The answer to another request is sent in any case: its client could not ask for it again.
 */
export function holdAnswers(memory: Pick<MemoryBudget, "hold">): GatewayMiddleware {
  return async (ctx, next) => {
    await next();
    const { body } = ctx.response;
    const isJson = Array.isArray(body) || body?.constructor === Object;
    if (ctx.method !== "GET" || !(isJson || typeof body === "string")) return;
    const text = isJson ? JSON.stringify(body) : body;
    if (isJson) ctx.response.body = text;
    if (text.length < LARGE) return;
    // As bytes, it is in memory once, outside the heap.
    const bytes = Buffer.from(text);
    whenClosed(ctx.res, memory.hold(ctx.state.caller?.keyId ?? "", bytes.length));
    ctx.response.body = bytes;
  };
}
