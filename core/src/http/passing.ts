import type { Exchange, PassingOn } from "@claudeway/ports";
import type Router from "@koa/router";
import type { GatewayContext, GatewayMiddleware, GatewayState } from "./context.js";

/** Trusts another node of the cluster with the caller, the address and the id of a request that it passes on. */
export function receivePassed(passing: PassingOn): GatewayMiddleware {
  return (ctx, next) => {
    const passed = passing.received(ctx.req);
    if (passed === undefined) return next();
    const { requestId, clientAddress } = passed;
    Object.assign(ctx.state, { passed, requestId, clientAddress, known: true });
    ctx.res.setHeader("x-request-id", requestId);
    return next();
  };
}

/** Has requests answered by the node that they belong to. */
export function passOn(passing: PassingOn, routes: Router<GatewayState>): GatewayMiddleware {
  return (ctx, next) => passing.answer(exchangeOf(ctx, routes), next);
}

function exchangeOf(ctx: GatewayContext, routes: Router<GatewayState>): Exchange {
  const { requestId, clientAddress, caller, passed } = ctx.state;
  return {
    requestId,
    clientAddress,
    caller,
    request: ctx.req,
    response: ctx.res,
    passed: passed !== undefined,
    // Of a form, the files are gone.
    body: () => (ctx.state.storeFiles === undefined ? ctx.request.rawBody : undefined),
    passedTo: ({ node }) => {
      ctx.state.node = node;
      ctx.state.route = templateOf(ctx, routes);
    },
  };
}

/** The template of one of the gateway's own routes, as the router leaves it on the context of a request that it routes. */
function templateOf({ path, method }: GatewayContext, routes: Router<GatewayState>): string | undefined {
  const found = routes.match(path, method).pathAndMethod.at(-1)?.path;
  return typeof found === "string" ? found : undefined;
}
