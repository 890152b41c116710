import { isUtf8 } from "node:buffer";
import { type SchemaName, type SchemaTypes, validateInPlace } from "@claudeway/schemas";
import bourne from "@hapi/bourne";
import { clientError, GatewayError, messageOf } from "../errors.js";
import type { GatewayContext, GatewayMiddleware } from "./context.js";
import { type BodyBound, IncomingRequest } from "./incoming.js";
import { JsonShape } from "./json-shape.js";

/** A byte order mark, which some clients begin with; JSON must not (RFC 8259, 8.1), but parsers may ignore it. */
const BOM = "\uFEFF";

/** Limits each body, however it is read. Throws PAYLOAD_TOO_LARGE, or UNAVAILABLE if too much is being read at once. */
export function boundBodies(boundOf: (ctx: GatewayContext) => BodyBound): GatewayMiddleware {
  return (ctx, next) => {
    const { req } = ctx;
    if (!(req instanceof IncomingRequest && req.hasBody)) return next();
    return new Promise<void>((resolve, reject) => {
      // A route may read the body in a way that misses the error.
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
  return (ctx, next) => {
    const { req } = ctx;
    if (req instanceof IncomingRequest && req.hasBody) return readJson(ctx, req).then(next);
    ctx.request.body = {};
    return next();
  };
}

async function readJson(ctx: GatewayContext, request: IncomingRequest): Promise<void> {
  refuseOtherTypes(ctx);
  const text = await readText(request);
  ctx.request.rawBody = text;
  ctx.request.body = parseJson(text);
}

/** The body as text. Throws BAD_REQUEST if it has too many levels or items, is not UTF-8, or ends too soon. */
async function readText(request: IncomingRequest): Promise<string> {
  const bytes = await readBytes(request);
  if (!isUtf8(bytes)) throw clientError("BAD_REQUEST", "the body is not valid UTF-8");
  const text = bytes.toString("utf8");
  return text.startsWith(BOM) ? text.slice(BOM.length) : text;
}

function readBytes(request: IncomingRequest): Promise<Buffer> {
  const shape = new JsonShape();
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    if (request.destroyed) throw tooSoon();
    request.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      const problem = shape.take(chunk);
      if (problem !== undefined) request.refuse(clientError("BAD_REQUEST", problem));
    });
    request.once("end", () => {
      const [first = Buffer.alloc(0)] = chunks;
      resolve(chunks.length < 2 ? first : Buffer.concat(chunks));
    });
    request.once("error", (error) => reject(error instanceof GatewayError ? error : tooSoon()));
    request.once("close", () => request.readableEnded || reject(tooSoon()));
  });
}

function tooSoon(): GatewayError {
  return clientError("BAD_REQUEST", "the body must be as long as it was announced, got less");
}

/** A body that is not an object is refused by its schema, with a clearer message. */
function parseJson(text: string): unknown {
  if (text === "") return text;
  try {
    return bourne.parse(text);
  } catch (error) {
    throw clientError(
      "BAD_REQUEST",
      messageOf(error).includes("forbidden prototype property")
        ? "the body must not have a property __proto__"
        : `the body must be JSON: ${messageOf(error)}`,
    );
  }
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

function refuseOtherTypes(ctx: GatewayContext): void {
  const encoding = ctx.get("content-encoding");
  if (encoding !== "" && encoding !== "identity") {
    throw clientError("UNSUPPORTED_MEDIA_TYPE", `content-encoding must be identity, got ${encoding}`);
  }
  if (ctx.request.is("application/json") === false) {
    const found = ctx.get("content-type") || "none";
    throw clientError("UNSUPPORTED_MEDIA_TYPE", `content-type must be application/json, got ${found}`);
  }
}
