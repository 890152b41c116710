import { isUtf8 } from "node:buffer";
import { TextDecoder } from "node:util";
import { clientError, GatewayError, messageOf } from "@claudeway/ports";
import type { MemoryBudget } from "@claudeway/scheduling";
import { JsonShape, type SchemaName, type SchemaTypes, validateInPlace } from "@claudeway/schemas";
import type { GatewayContext, GatewayMiddleware } from "./context.js";
import { whenClosed } from "./exchanges.js";
import { type BodyBound, IncomingRequest } from "./incoming.js";

/** `boundBodies` limits what arrives, so the parser's own limit must never be met. */
const UNLIMITED = String(Number.MAX_SAFE_INTEGER);
/** What most clients send; other spellings cost more to read. */
const JSON_TYPE = "application/json";

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
  let parser: GatewayMiddleware | undefined;
  return (ctx, next) => {
    const { req } = ctx;
    if (!(req instanceof IncomingRequest && req.hasBody)) {
      ctx.request.body = {};
      return next();
    }
    refuseOtherTypes(ctx);
    if (parser !== undefined) return parse(ctx, req, parser, next);
    return loadParser().then((loaded) => {
      parser = loaded;
      return parse(ctx, req, loaded, next);
    });
  };
}

function parse(
  ctx: GatewayContext,
  req: IncomingRequest,
  parser: GatewayMiddleware,
  next: () => Promise<unknown>,
): unknown {
  // Its client has left, which the parser would report as a defect.
  if (req.destroyed) throw clientError("BAD_REQUEST", "the body broke off");
  const isUtf8 = watchBody(req);
  return parser(ctx, () => {
    if (!isUtf8()) throw clientError("BAD_REQUEST", "the body is not valid UTF-8");
    return next();
  });
}

/** With the first body: a tenth of what a start takes is the parser and what it requires, for forms too. */
async function loadParser(): Promise<GatewayMiddleware> {
  const { default: bodyParser } = await import("koa-bodyparser");
  return bodyParser({
    enableTypes: ["json"],
    jsonLimit: UNLIMITED,
    // A body that is not an object is refused by its schema, with a clearer message.
    strict: false,
    onerror: (error) => {
      throw toBodyError(error);
    },
  });
}

/** Counts bodies, parsed and as text, until they are answered: plugins may keep them. Throws UNAVAILABLE. */
export function holdBodies(memory: Pick<MemoryBudget, "hold">): GatewayMiddleware {
  return (ctx, next) => {
    const hold = () => memory.hold(ctx.state.caller?.keyId ?? "", 2 * (ctx.request.rawBody ?? "").length);
    whenClosed(ctx.res, hold());
    return next();
  };
}

/** The body as its schema says, defaults filled in, in the body itself. Throws BAD_REQUEST that names the field. */
export function bodyAs<Name extends SchemaName>(ctx: GatewayContext, schema: Name): SchemaTypes[Name] {
  const checked = validateInPlace(schema, ctx.request.body);
  if (!checked.ok) throw clientError("BAD_REQUEST", checked.message);
  return checked.value;
}

/** Throws UNSUPPORTED_MEDIA_TYPE unless the body is JSON, and not compressed. */
export function refuseOtherTypes(ctx: GatewayContext): void {
  refuseCompressed(ctx);
  if (ctx.req.headers["content-type"] !== JSON_TYPE && ctx.request.is(JSON_TYPE) === false) {
    const found = ctx.get("content-type") || "none";
    throw clientError("UNSUPPORTED_MEDIA_TYPE", `content-type must be application/json, got ${found}`);
  }
}

/** Throws UNSUPPORTED_MEDIA_TYPE if the body is compressed. */
export function refuseCompressed(ctx: GatewayContext): void {
  const encoding = ctx.req.headers["content-encoding"] ?? "";
  if (encoding !== "" && encoding !== "identity") {
    throw clientError("UNSUPPORTED_MEDIA_TYPE", `content-encoding must be identity, got ${encoding}`);
  }
}

/**
 * Refuses a body with too many levels or items while it arrives. The returned function says whether all of it was
 * UTF-8, since the parser replaces other bytes without a word.
 */
function watchBody(request: IncomingRequest): () => boolean {
  const shape = new JsonShape();
  let decoder: TextDecoder | undefined;
  let valid = true;
  const decode = (chunk?: Uint8Array) => {
    // Most bodies come in one piece. A decoder is needed from the first piece on that ends within a character.
    if (decoder === undefined && (chunk === undefined || isUtf8(chunk))) return;
    decoder ??= new TextDecoder("utf-8", { fatal: true });
    try {
      decoder.decode(chunk, { stream: chunk !== undefined });
    } catch {
      valid = false;
    }
  };
  request.on("data", (chunk: Buffer) => {
    decode(chunk);
    const problem = shape.take(chunk);
    if (problem !== undefined) request.refuse(clientError("BAD_REQUEST", problem));
  });
  return () => {
    decode();
    return valid;
  };
}

function toBodyError(error: Error & { readonly status?: number }): Error {
  if (error.status !== 400 || error instanceof GatewayError) return error;
  if (messageOf(error).includes("forbidden prototype property")) {
    return clientError("BAD_REQUEST", "the body must not have a property __proto__");
  }
  return clientError("BAD_REQUEST", `the body must be JSON: ${messageOf(error)}`);
}

/** Parses a text with the limits of a body. Throws BAD_REQUEST, which calls the text `what`. */
export function parseText(text: Buffer, what: string): unknown {
  const problem = new JsonShape().take(text);
  if (problem !== undefined) throw clientError("BAD_REQUEST", problem);
  try {
    return JSON.parse(text.toString(), (name, value: unknown) => {
      if (name === "__proto__") throw new Error("it must not have a property __proto__");
      return value;
    });
  } catch (error) {
    throw clientError("BAD_REQUEST", `${what} must be JSON: ${messageOf(error)}`);
  }
}
