import { TextDecoder } from "node:util";
import { clientError, messageOf } from "@claudeway/ports";
import { JsonShape, type SchemaName, type SchemaTypes, validateInPlace } from "@claudeway/schemas";
import { parse } from "@hapi/bourne";
import type { GatewayContext, GatewayMiddleware } from "./context.js";
import { type BodyBound, IncomingRequest } from "./incoming.js";

const UTF_8 = new TextDecoder("utf-8", { fatal: true });
/** What most clients send; other spellings cost more to read. */
const JSON_TYPE = "application/json";
/** For a client that has gone: nobody reads it. */
const CUT_OFF = clientError("BAD_REQUEST", "the request was cut off");

/**
 * Limits each body, however it is read. Throws PAYLOAD_TOO_LARGE, or UNAVAILABLE if too much is being read at once.
 *
 * @param reading has the requests that are being handled
 */
export function boundBodies(
  boundOf: (ctx: GatewayContext) => BodyBound,
  reading: Set<IncomingRequest> = new Set(),
): GatewayMiddleware {
  return (ctx, next) => {
    const { req } = ctx;
    if (!(req instanceof IncomingRequest && req.hasBody)) return next();
    reading.add(req);
    return new Promise<void>((resolve, reject) => {
      // A route may read the body in a way that misses the error.
      req.bound(boundOf(ctx), reject);
      next().then(resolve, reject);
    }).finally(() => reading.delete(req));
  };
}

/**
 * Parses JSON bodies. Throws UNSUPPORTED_MEDIA_TYPE, and BAD_REQUEST if the body is not UTF-8, not JSON, or has too
 * many levels or items. A request without a body has `{}`.
 */
export function jsonBody(): GatewayMiddleware {
  return (ctx, next) => {
    const { req, request } = ctx;
    if (!(req instanceof IncomingRequest && req.hasBody)) {
      request.body = {};
      return next();
    }
    refuseOtherTypes(ctx);
    return readBody(req).then((bytes) => {
      request.rawBody = decoded(bytes);
      request.body = parsed(request.rawBody);
      return next();
    });
  };
}

/** The body as its schema says, defaults filled in, in the body itself. Throws BAD_REQUEST that names the field. */
export function bodyAs<Name extends SchemaName>(ctx: GatewayContext, schema: Name): SchemaTypes[Name] {
  return checkedAs(schema, ctx.request.body);
}

/** The same for JSON from another source. */
export function checkedAs<Name extends SchemaName>(schema: Name, value: unknown): SchemaTypes[Name] {
  const checked = validateInPlace(schema, value);
  if (!checked.ok) throw clientError("BAD_REQUEST", checked.message);
  return checked.value;
}

/** Throws UNSUPPORTED_MEDIA_TYPE unless the body is JSON, and not compressed. */
export function refuseOtherTypes(ctx: GatewayContext): void {
  refuseCompressed(ctx);
  if (ctx.headers["content-type"] !== JSON_TYPE && ctx.request.is(JSON_TYPE) === false) {
    const found = ctx.get("content-type") || "none";
    throw clientError("UNSUPPORTED_MEDIA_TYPE", `content-type must be application/json, got ${found}`);
  }
}

/** Throws UNSUPPORTED_MEDIA_TYPE if the body is compressed. */
export function refuseCompressed(ctx: GatewayContext): void {
  const encoding = ctx.headers["content-encoding"] ?? "";
  if (encoding !== "" && encoding !== "identity") {
    throw clientError("UNSUPPORTED_MEDIA_TYPE", `content-encoding must be identity, got ${encoding}`);
  }
}

/** Refuses a body with too many levels or items while it arrives. */
function readBody(request: IncomingRequest): Promise<Buffer> {
  const shape = new JsonShape();
  const pieces: Buffer[] = [];
  return new Promise((resolve, reject) => {
    request.on("data", (piece: Buffer) => {
      pieces.push(piece);
      const problem = shape.take(piece);
      if (problem !== undefined) request.refuse(clientError("BAD_REQUEST", problem));
    });
    request.on("end", () => resolve(Buffer.concat(pieces)));
    request.on("close", () => reject(CUT_OFF));
  });
}

/** Without a byte order mark. */
function decoded(bytes: Buffer): string {
  try {
    return UTF_8.decode(bytes);
  } catch {
    throw clientError("BAD_REQUEST", "the body is not valid UTF-8");
  }
}

/** A body that is empty is left to its schema, whose message is clearer. */
function parsed(text: string): unknown {
  if (text === "") return text;
  try {
    return parse(text);
  } catch (error) {
    const isPrototype = messageOf(error).includes("forbidden prototype property");
    throw clientError(
      "BAD_REQUEST",
      isPrototype
        ? "the body must not have a property __proto__"
        : `the body must be JSON: ${messageOf(error)}`,
    );
  }
}
