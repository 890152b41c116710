import { createServer, type RequestListener, type Server } from "node:http";
import { GatewayError } from "../errors.js";
import type { GatewayMiddleware } from "./context.js";
import { answerUnparsed } from "./errors.js";

/** Node's server in front of the chain. What it would refuse by itself without a word comes to the chain instead. */
export function createHttpServer(handle: RequestListener): Server {
  const server = createServer({ requireHostHeader: false }, handle);
  server.on("checkExpectation", handle);
  server.on("clientError", answerUnparsed);
  return server;
}

/** Refuses what is well-formed but not HTTP/1.1 (RFC 9112, 3.2, and RFC 9110, 10.1.1). Throws BAD_REQUEST. */
export function refuseBadHttp(): GatewayMiddleware {
  return async (ctx, next) => {
    if (ctx.req.httpVersion === "1.1" && ctx.headers.host === undefined) {
      throw new GatewayError("BAD_REQUEST", "Host: is missing; HTTP/1.1 takes one");
    }
    const expected = ctx.get("expect");
    if (expected !== "" && expected.toLowerCase() !== "100-continue") {
      throw new GatewayError("BAD_REQUEST", `Expect: is ${JSON.stringify(expected)}; takes 100-continue`);
    }
    await next();
  };
}
