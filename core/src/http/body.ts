import { type SchemaName, type SchemaTypes, validate } from "@claudeway/schemas";
import bodyParser from "koa-bodyparser";
import { GatewayError, messageOf } from "../errors.js";
import type { GatewayContext, GatewayMiddleware } from "./context.js";
import { type BodyBound, IncomingRequest } from "./incoming.js";
import { JsonShape } from "./json-shape.js";

/** More than any body that gets so far: what a body may be is bounded while it comes. */
const UNBOUNDED = String(Number.MAX_SAFE_INTEGER);

/** Bounds each body, however it is read. Throws PAYLOAD_TOO_LARGE, or UNAVAILABLE where too much is read at once. */
export function boundBodies(boundOf: (ctx: GatewayContext) => BodyBound): GatewayMiddleware {
  return (ctx, next) => {
    const { req } = ctx;
    if (!(req instanceof IncomingRequest && req.hasBody)) return next();
    return new Promise<void>((resolve, reject) => {
      // A route may read in a way that never hears of it.
      req.bound(boundOf(ctx), reject);
      next().then(resolve, reject);
    });
  };
}

/**
 * Parses JSON bodies. Throws UNSUPPORTED_MEDIA_TYPE, and BAD_REQUEST if the body is not UTF-8, not JSON, or has too
 * many levels or items. A request without a body has `{}`.
 */
export function jsonBody(): GatewayMiddleware {
  const parse = bodyParser({
    enableTypes: ["json"],
    jsonLimit: UNBOUNDED,
    // A body that is not an object is refused by the schema, with a clearer message.
    strict: false,
    onerror: (error) => {
      throw toBodyError(error);
    },
  });
  return async (ctx, next) => {
    const { req } = ctx;
    if (!(req instanceof IncomingRequest && req.hasBody)) {
      ctx.request.body = {};
      return next();
    }
    refuseOtherTypes(ctx);
    const isUtf8 = watchBody(req);
    return parse(ctx, () => {
      if (!isUtf8()) throw new GatewayError("BAD_REQUEST", "the body is not valid UTF-8");
      return next();
    });
  };
}

/** The body as its schema says, defaults filled in. Throws BAD_REQUEST that names the field. */
export function bodyAs<Name extends SchemaName>(ctx: GatewayContext, schema: Name): SchemaTypes[Name] {
  return checkedAs(schema, ctx.request.body);
}

/** The same for JSON that came another way. */
export function checkedAs<Name extends SchemaName>(schema: Name, value: unknown): SchemaTypes[Name] {
  const checked = validate(schema, value);
  if (!checked.ok) throw new GatewayError("BAD_REQUEST", checked.message);
  return checked.value;
}

function refuseOtherTypes(ctx: GatewayContext): void {
  const encoding = ctx.get("content-encoding");
  if (encoding !== "" && encoding !== "identity") {
    throw new GatewayError("UNSUPPORTED_MEDIA_TYPE", `content-encoding must be identity, got ${encoding}`);
  }
  if (ctx.request.is("application/json") === false) {
    const found = ctx.get("content-type") || "none";
    throw new GatewayError("UNSUPPORTED_MEDIA_TYPE", `content-type must be application/json, got ${found}`);
  }
}

/**
 * Refuses a body with too many levels or items while it arrives. The returned function says whether there were bytes
 * that are not UTF-8, since the parser replaces those silently.
 */
function watchBody(request: IncomingRequest): () => boolean {
  const shape = new JsonShape();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let valid = true;
  const decode = (chunk: Uint8Array | undefined) => {
    try {
      decoder.decode(chunk, { stream: chunk !== undefined });
    } catch {
      valid = false;
    }
  };
  request.on("data", (chunk: Buffer) => {
    decode(chunk);
    const problem = shape.take(chunk);
    if (problem !== undefined) request.refuse(new GatewayError("BAD_REQUEST", problem));
  });
  return () => {
    decode(undefined);
    return valid;
  };
}

function toBodyError(error: Error & { readonly status?: number }): Error {
  if (error.status !== 400 || error instanceof GatewayError) return error;
  if (messageOf(error).includes("forbidden prototype property")) {
    return new GatewayError("BAD_REQUEST", "the body must not have a property __proto__");
  }
  return new GatewayError("BAD_REQUEST", `the body must be JSON: ${messageOf(error)}`);
}
