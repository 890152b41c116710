import type { Mount } from "@claudeway/kernel";
import { toGatewayError } from "@claudeway/ports";
import { bearerOf, type Keyring } from "./auth.js";
import type { Authentication } from "./authentication.js";
import { networkOf } from "./client-address.js";
import type { GatewayContext, GatewayMiddleware } from "./context.js";
import type { SharedThrottle } from "./guesses.js";
import { IncomingRequest } from "./incoming.js";
import { headOf } from "./request-info.js";

/** Routes that need no key. Refusals are counted under their prefix. */
export type OpenRoutes = Pick<Mount, "prefix" | "isKnown">;

export interface OpenRoutesOptions {
  readonly keyring: Keyring;
  readonly authentication: Authentication;
  readonly guesses: SharedThrottle;
  /** Returns undefined if the route requires a key. */
  readonly openRoutes: (ctx: GatewayContext) => OpenRoutes | undefined;
}

/** Statuses that the sender caused; 409 and 410 are caused by others. */
const REFUSED: ReadonlySet<number> = new Set([400, 401, 403, 404, 413, 415]);

/**
 * Slows down unauthenticated clients that are refused repeatedly on routes without a key, before their body is read.
 * Clients that are authenticated by other means do not wait.
 */
export function slowStrangers({
  keyring,
  authentication,
  guesses,
  openRoutes,
}: OpenRoutesOptions): GatewayMiddleware {
  return (ctx, next) => {
    const { caller, known } = ctx.state;
    if (caller !== undefined || known || !mayBeGuess(ctx)) return next();
    const routes = openRoutes(ctx);
    if (routes === undefined) return next();
    return slowDown(ctx, next, routes);
  };

  async function slowDown(
    ctx: GatewayContext,
    next: () => Promise<unknown>,
    routes: OpenRoutes,
  ): Promise<unknown> {
    if (isKnown(ctx, routes, keyring) || (await isKnownToPlugin(ctx, authentication))) {
      ctx.state.known = true;
      return next();
    }
    const who = `${routes.prefix} ${networkOf(ctx.state.clientAddress)}`;
    const end = await guesses.begin(who);
    ctx.state.known = keyring.find(secretOf(ctx) ?? "") !== undefined;
    let failed = false;
    try {
      await next();
      failed = REFUSED.has(ctx.status);
    } catch (error) {
      failed = REFUSED.has(toGatewayError(error)?.status ?? 500);
      throw error;
    } finally {
      // A route sets this when it authenticates the sender.
      const isIn = ctx.state.caller !== undefined;
      await end(failed === isIn ? "neither" : isIn ? "succeeded" : "failed");
    }
  }
}

/** Whether it sends what could be a guess: credentials, or a body. */
export function mayBeGuess({ req }: GatewayContext): boolean {
  const isSecret = (req.headers.authorization ?? req.headers["x-api-key"]) !== undefined;
  return isSecret || (req instanceof IncomingRequest && req.hasBody);
}

function isKnown(ctx: GatewayContext, { isKnown: proved }: OpenRoutes, keyring: Keyring): boolean {
  const secret = secretOf(ctx);
  if (secret !== undefined) return keyring.findLong(secret) !== undefined;
  return proved?.(ctx.headers) ?? false;
}

/** Whether a plugin recognises the key. Its refusal is that of a stranger: the route decides. */
async function isKnownToPlugin(ctx: GatewayContext, authentication: Authentication): Promise<boolean> {
  const secret = secretOf(ctx);
  if (secret === undefined || !authentication.isPluggedIn) return false;
  try {
    return (await authentication.ask(headOf(ctx, `Bearer ${secret}`))) !== undefined;
  } catch (error) {
    if (toGatewayError(error) === undefined) throw error;
    return false;
  }
}

/** The key of a request; undefined if there is none, or two. */
function secretOf({ headers }: GatewayContext): string | undefined {
  const apiKey = headers["x-api-key"];
  if (typeof apiKey !== "string") return bearerOf(headers.authorization);
  return headers.authorization === undefined ? apiKey : undefined;
}
