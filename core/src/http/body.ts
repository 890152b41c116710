import { type Checked, type SchemaName, type SchemaTypes, validate } from "@claudeway/schemas";
import bodyParser from "koa-bodyparser";
import { GatewayError, messageOf } from "../errors.js";
import type { GatewayContext, GatewayMiddleware } from "./context.js";

/**
 * Parses JSON bodies of up to `limitBytes`. Throws UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, and BAD_REQUEST for what
 * is no UTF-8 or no JSON. A request without a body has `{}`.
 */
export function jsonBody(limitBytes: number): GatewayMiddleware {
  const parse = bodyParser({
    enableTypes: ["json"],
    jsonLimit: String(limitBytes),
    // What is no object is for the schema to refuse: it says so in plainer words.
    strict: false,
    onerror: (error) => {
      throw toBodyError(error, limitBytes);
    },
  });
  return async (ctx, next) => {
    if (!hasBody(ctx)) {
      ctx.request.body = {};
      return next();
    }
    refuseOtherTypes(ctx);
    const isUtf8 = watchEncoding(ctx);
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
  const checked = checkBody(schema, value);
  if (!checked.ok) throw new GatewayError("BAD_REQUEST", checked.message);
  return checked.value;
}

function checkBody<Name extends SchemaName>(schema: Name, body: unknown): Checked<SchemaTypes[Name]> {
  try {
    return validate(schema, body);
  } catch (error) {
    // Checking goes down level by level, and the stack ends somewhere.
    if (error instanceof RangeError) return { ok: false, message: "the body is nested too deeply" };
    throw error;
  }
}

function hasBody(ctx: GatewayContext): boolean {
  return ctx.get("transfer-encoding") !== "" || (ctx.request.length ?? 0) > 0;
}

function refuseOtherTypes(ctx: GatewayContext): void {
  const encoding = ctx.get("content-encoding");
  if (encoding !== "" && encoding !== "identity") {
    throw new GatewayError(
      "UNSUPPORTED_MEDIA_TYPE",
      `content-encoding is ${encoding}; send the body as it is`,
    );
  }
  if (ctx.request.is("application/json") === false) {
    const found = ctx.get("content-type") || "missing";
    throw new GatewayError("UNSUPPORTED_MEDIA_TYPE", `content-type is ${found}; it takes application/json`);
  }
}

/** The parser replaces bytes that are no UTF-8 without a word; this tells whether there were any. */
function watchEncoding(ctx: GatewayContext): () => boolean {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let valid = true;
  const decode = (chunk: Uint8Array | undefined) => {
    try {
      decoder.decode(chunk, { stream: chunk !== undefined });
    } catch {
      valid = false;
    }
  };
  ctx.req.on("data", decode);
  return () => {
    decode(undefined);
    return valid;
  };
}

function toBodyError(error: Error & { readonly status?: number }, limitBytes: number): Error {
  if (error.status === 413) {
    return new GatewayError("PAYLOAD_TOO_LARGE", `the body is larger than ${limitBytes} bytes`);
  }
  if (error.status !== 400) return error;
  if (messageOf(error).includes("forbidden prototype property")) {
    return new GatewayError("BAD_REQUEST", "the body has a property __proto__, which no body may have");
  }
  return new GatewayError("BAD_REQUEST", `the body is not JSON: ${messageOf(error)}`);
}
