import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { RequestHead, RequestInfo } from "@claudeway/kernel";
import { redactTokens } from "../approvals/links.js";
import { bearerOf } from "./auth.js";
import { callerOf, type GatewayContext } from "./context.js";

const HIDDEN_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
  "x-api-key",
]);

/** The headers that plugins see, without credentials. */
export function shownHeaders({ headers }: Pick<IncomingMessage, "headers">): IncomingHttpHeaders {
  const shown = Object.entries(headers).filter(([name]) => !HIDDEN_HEADERS.has(name));
  return Object.freeze(Object.fromEntries(shown));
}

/** A request whose sender is not known yet, as the `authenticate` hook sees it. */
export function requestHead(
  request: Omit<RequestHead, "headers" | "credentials">,
  message: Pick<IncomingMessage, "headers">,
  authorization: string | undefined,
): RequestHead {
  const { cookie } = message.headers;
  const secret = bearerOf(authorization);
  return {
    ...request,
    headers: shownHeaders(message),
    credentials: () => ({ secret, authorization, cookie }),
  };
}

/** The head of a Koa request. */
export function headOf(ctx: GatewayContext, authorization: string | undefined): RequestHead {
  const { method, path, state } = ctx;
  return requestHead(
    { id: state.requestId, method, path: redactTokens(path), remoteAddress: state.clientAddress },
    ctx,
    authorization,
  );
}

/** An authenticated request, as the `request` hook sees it. `path` is the path as the client sent it. */
export function requestInfo(ctx: GatewayContext, path = ctx.path): RequestInfo {
  return {
    id: ctx.state.requestId,
    method: ctx.method,
    path: redactTokens(path),
    keyId: callerOf(ctx).keyId,
    remoteAddress: ctx.state.clientAddress,
    headers: shownHeaders(ctx),
    setHeader: (name, value) => ctx.set(name, value),
  };
}
