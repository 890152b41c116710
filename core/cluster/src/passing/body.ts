import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { clientError, GatewayError } from "@claudeway/ports";

/** JSON up to this size is read before it is passed on, so that it is signed and can be sent again, in bytes. */
const MAX_READ_BYTES = 256 * 1024;
const JSON_TYPE = /^application\/json\b/i;

/** Whether a request has a body, as its head says. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** The body, if there is none or it is short JSON; undefined: it is to be sent as it comes. Rejects if the client leaves. */
export async function shortBody(request: IncomingMessage): Promise<Buffer | undefined> {
  if (!hasBody(request)) return Buffer.alloc(0);
  const length = Number(request.headers["content-length"] ?? Number.NaN);
  const isShort = length <= MAX_READ_BYTES && JSON_TYPE.test(request.headers["content-type"] ?? "");
  if (!isShort) return undefined;
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw clientError("BAD_REQUEST", "the client left before its body was complete");
  }
  return Buffer.concat(chunks);
}

/** Ends the connection if the body that arrives is not the one that was signed. To be called before any of it arrived. */
export function guardBody(request: IncomingMessage, digest: string): void {
  const hash = createHash("sha256");
  const push = request.push.bind(request);
  request.push = (chunk, encoding) => {
    if (chunk !== null) hash.update(chunk);
    else if (hash.digest("base64url") !== digest) {
      request.destroy(new Error("the body is not the one that was signed"));
      return false;
    }
    return push(chunk, encoding);
  };
}
