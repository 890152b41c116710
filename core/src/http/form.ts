import { GatewayError } from "../errors.js";
import type { GatewayContext } from "./context.js";

const MAX_FORM_BYTES = 64 * 1024;

/** The fields of a form (`application/x-www-form-urlencoded`). Throws where it is none, or too large. */
export async function readForm(ctx: GatewayContext): Promise<URLSearchParams> {
  if (!ctx.is("application/x-www-form-urlencoded")) {
    throw new GatewayError("UNSUPPORTED_MEDIA_TYPE", "takes application/x-www-form-urlencoded");
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  // What is left of a form that is too large is thrown away by the server; a request that is destroyed takes its connection along.
  for await (const chunk of ctx.req.iterator({ destroyOnReturn: false })) {
    if (!(chunk instanceof Buffer)) continue;
    bytes += chunk.length;
    if (bytes > MAX_FORM_BYTES) {
      throw new GatewayError("PAYLOAD_TOO_LARGE", `the form is larger than ${MAX_FORM_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}
