import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { clientError, GatewayError } from "@claudeway/ports";

/** JSON up to this size is read before it is passed on, so that it is signed and can be sent again or read here, in bytes. */
const MAX_READ_BYTES = 256 * 1024;
const JSON_TYPE = /^application\/json\b/i;

/** Whether a request has a body, as its head says. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** The body, if it is short JSON or empty; undefined: it is to be sent as it comes. Rejects if the client leaves. */
export async function shortBody(request: IncomingMessage): Promise<Buffer | undefined> {
  if (!hasBody(request)) return Buffer.alloc(0);
  const length = Number(request.headers["content-length"] ?? Number.NaN);
  const isShort = length <= MAX_READ_BYTES && JSON_TYPE.test(request.headers["content-type"] ?? "");
  if (!isShort) return undefined;
  return peekBody(request, length);
}

/** Reads the body and puts it back: it can still be read here. */
function peekBody(request: IncomingMessage, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const read = () => {
      for (let chunk = request.read(); chunk !== null; chunk = request.read()) {
        chunks.push(chunk);
        size += chunk.length;
        // One more look would end the stream.
        if (size >= length) break;
      }
      if (size < length) return;
      stop();
      const body = Buffer.concat(chunks);
      request.unshift(body);
      resolve(body);
    };
    const fail = (error?: unknown) => {
      stop();
      if (error instanceof GatewayError) reject(error);
      else reject(clientError("BAD_REQUEST", "the client left before its body was complete"));
    };
    const stop = () => request.off("readable", read).off("error", fail).off("close", fail);
    if (request.destroyed) fail(request.errored);
    else request.on("readable", read).on("error", fail).on("close", fail);
  });
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
