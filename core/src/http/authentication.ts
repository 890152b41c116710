import type { IncomingHttpHeaders } from "node:http";
import type { Kernel, RequestHead } from "@claudeway/kernel";
import { type Caller, clientError, GatewayError, isRefusal } from "@claudeway/ports";
import type { Logger } from "pino";
import { bearerOf, type Doorkeeper, UNAUTHENTICATED } from "./auth.js";
import type { GatewayMiddleware } from "./context.js";
import { refuse } from "./errors.js";
import { headOf } from "./request-info.js";

/** Finds out who sent a request: plugins are asked first, then the configured keys. */
export class Authentication {
  constructor(
    private readonly kernel: Kernel,
    private readonly doorkeeper: Doorkeeper,
  ) {}

  /** Whether a plugin authenticates requests, so that `ask` has to be called. */
  get isPluggedIn(): boolean {
    return this.kernel.hooks.authenticate.isUsed();
  }

  /**
   * The caller with a configured key, or UNAUTHORIZED. Throws TOO_MANY_REQUESTS after wrong keys from this address.
   */
  configured(authorization: string | undefined, address: string): Caller | GatewayError {
    return this.doorkeeper.authenticate(authorization, address);
  }

  /** The caller that a plugin recognises. Rejects with a plugin's refusal. Its answer holds for this request alone. */
  async ask(head: RequestHead): Promise<Caller | undefined> {
    const answer = await this.kernel.hooks.authenticate.promise(head);
    if (isRefusal(answer)) throw answer;
    return answer;
  }
}

/** Refuses requests without a valid key on routes that require one, and sets `ctx.state.caller`. */
export function authenticate(authentication: Authentication, log: Logger): GatewayMiddleware {
  return (ctx, next) => {
    const { access } = ctx.state.destination;
    if (access === "none") return next();
    const { passed } = ctx.state;
    const authorization = authorizationOf(ctx.req.headers);
    const admit = (known?: Caller) => {
      const caller = known ?? authentication.configured(authorization, ctx.state.clientAddress);
      if (caller instanceof GatewayError) return refuse(ctx, caller, log);
      ctx.state.caller = caller;
      if (access === "admin" && !caller.admin) throw clientError("FORBIDDEN", "the admin's key is required");
      return next();
    };
    // The node that passed it on has authenticated it.
    if (passed !== undefined) return admit(passed.caller);
    if (!authentication.isPluggedIn) return admit();
    return authentication.ask(headOf(ctx, authorization)).then(admit);
  };
}

/**
 * The `Authorization` header of a request; for `x-api-key`, the equal header. Throws UNAUTHORIZED if a request has both
 * and they differ, since it would be unclear whose request it is.
 */
export function authorizationOf(headers: IncomingHttpHeaders): string | undefined {
  const own = headers.authorization || undefined;
  const apiKey = headers["x-api-key"];
  if (apiKey === undefined || apiKey === "") return own;
  if (own !== undefined && bearerOf(own) !== apiKey) {
    throw clientError("UNAUTHORIZED", "Authorization and x-api-key must have the same key", UNAUTHENTICATED);
  }
  return `Bearer ${apiKey}`;
}
