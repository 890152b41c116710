import type { GatewayContext } from "./context.js";

/** As text: Koa asks of an object what kind of body it is, and Node loads all of fetch for that the first time. */
export function sendJson({ res, response }: GatewayContext, value: object): void {
  if (!res.headersSent) res.setHeader("content-type", "application/json; charset=utf-8");
  response.body = JSON.stringify(value);
}
