import type { MemoryBudget } from "@claudeway/scheduling";
import type { GatewayContext, GatewayMiddleware } from "./context.js";
import { whenClosed } from "./exchanges.js";

/** Answers of this length are counted, in characters or bytes. */
const LARGE = 32 * 1024;

/** As text: Koa asks of an object what kind of body it is, and Node loads all of fetch for that the first time. */
export function sendJson({ res, response }: GatewayContext, value: object): void {
  if (!res.headersSent) res.setHeader("content-type", "application/json; charset=utf-8");
  response.body = JSON.stringify(value);
}

/** Counts large answers until their clients have read them. Throws UNAVAILABLE instead of one that there is no room for. */
export function holdAnswers(memory: Pick<MemoryBudget, "hold">): GatewayMiddleware {
  return async (ctx, next) => {
    await next();
    const { body } = ctx.response;
    const isJson = Array.isArray(body) || body?.constructor === Object;
    const whole: unknown = isJson ? JSON.stringify(body) : body;
    if (isJson) ctx.response.body = whole;
    const { caller } = ctx.state;
    // Without a key, bytes are the files of pages, which all answers share.
    if ((typeof whole === "string" || (caller && Buffer.isBuffer(whole))) && whole.length >= LARGE)
      whenClosed(ctx.res, memory.hold(caller?.keyId ?? "", whole.length));
  };
}
