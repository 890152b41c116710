import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { type Exchange, type NodeAddress, NotBegun } from "@claudeway/ports";
import { copyHead, NOT_BEGUN } from "./headers.js";
import { answerTo } from "./hops.js";

/**
 * Sends a request to another node and its answer to the client. Resolves when the answer was sent, or the client has left:
 * then the request to the other node is ended, too. Rejects with UNAVAILABLE if there is no answer, and with NotBegun if that
 * node began nothing.
 */
export async function forward(
  { request, response }: Pick<Exchange, "request" | "response">,
  hop: ClientRequest,
  to: NodeAddress,
  body: Buffer | undefined,
): Promise<void> {
  const left = () => hop.destroy();
  if (response.destroyed) left();
  response.once("close", left);
  try {
    const answered = answerTo(hop, to);
    if (body === undefined) sendAsItComes(request, hop);
    else hop.end(body);
    const answer = await answered;
    if (answer.headers[NOT_BEGUN] !== undefined) throw refusedBy(answer, to);
    await sendAnswer(answer, response);
  } catch (error) {
    // The client has left: no answer can reach it.
    if (!response.destroyed) throw error;
  } finally {
    response.off("close", left);
  }
}

/** The answer of a node that began nothing. */
function refusedBy(answer: IncomingMessage, { node }: NodeAddress): NotBegun {
  answer.resume();
  return new NotBegun(
    "UNAVAILABLE",
    `the node ${node} takes no new work, or the session has moved; try again`,
    {
      headers: { "retry-after": String(answer.headers["retry-after"] ?? 1) },
    },
  );
}

function sendAsItComes(request: IncomingMessage, hop: ClientRequest): void {
  request.once("error", (error) => hop.destroy(error));
  request.once("close", () => request.complete || hop.destroy());
  request.pipe(hop);
}

function sendAnswer(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  copyHead(answer, response);
  // The head of an event stream is sent at once; a short answer goes in one piece.
  if (answer.headers["content-length"] === undefined) response.flushHeaders();
  // An answer that breaks off breaks off for the client, too.
  return new Promise((resolve) => pipeline(answer, response, () => resolve()));
}
