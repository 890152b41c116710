import type { Caller, PassedRequest } from "@claudeway/ports";
import type { StoreFiles } from "@claudeway/workdirs";
import type Koa from "koa";
import type { Destination } from "./destination.js";

declare module "koa" {
  interface Request {
    /** What `jsonBody` parsed; a plugin's route that is sent something else has none. */
    body?: unknown;
    /** The text of the same. */
    rawBody: string;
  }
}

/** The state of a request; one object per request. */
export interface GatewayState {
  /** The id of the request in logs; sent as `X-Request-Id`. */
  requestId: string;
  /** The client's address, behind any trusted proxies. */
  clientAddress: string;
  /** Where the request goes. */
  destination: Destination;
  /** On routes without a key: true if the sender is authenticated by other means. */
  known?: boolean;
  /** Set once the request is authenticated. */
  caller?: Caller;
  /** Set if another node passed the request on. */
  passed?: PassedRequest;
  /** The node that the request was passed on to, and the template of the route that answers it there. */
  node?: string;
  route?: string | undefined;
  /** Set for a prompt that was sent as a form with files. */
  storeFiles?: StoreFiles;
  /** On plugins' routes: the prefix of the mount. */
  prefix?: string;
  /** On plugins' routes: admits a sender that the route authenticated. Rejects with the refusal of a plugin. */
  admit?: (caller: Caller) => Promise<void>;
}

export type GatewayContext = Koa.ParameterizedContext<GatewayState>;
export type GatewayMiddleware = Koa.Middleware<GatewayState>;

/** The authenticated caller. Throws if the route does not authenticate. */
export function callerOf(ctx: { readonly state: GatewayState }): Caller {
  if (ctx.state.caller === undefined) throw new Error("the route does not authenticate");
  return ctx.state.caller;
}
