import { GatewayError } from "@claudeway/ports";
import type { GatewayContext } from "./context.js";

/** The fields of a form. Throws if the body is not `application/x-www-form-urlencoded`. */
export async function readForm(ctx: GatewayContext): Promise<URLSearchParams> {
  if (!ctx.is("application/x-www-form-urlencoded")) {
    throw new GatewayError(
      "UNSUPPORTED_MEDIA_TYPE",
      "content-type must be application/x-www-form-urlencoded",
    );
  }
  const chunks: Buffer[] = [];
  for await (const chunk of ctx.req) {
    if (chunk instanceof Buffer) chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}
