import type { ClientRequest, IncomingMessage } from "node:http";
import { type Duplex, pipeline } from "node:stream";
import type { NodeAddress, SocketExchange } from "@claudeway/ports";
import { headLines, NOT_BEGUN } from "./headers.js";
import { failureOf, notReached } from "./hops.js";

/** How long a client that has its answer may take to close its side, in ms. */
const LINGER_MS = 1_000;

/**
 * Sends a handshake to another node and joins both sockets. Resolves to the status of the answer when
 * they have closed. Rejects with UNAVAILABLE; with NotBegun if that node was not reached or began nothing.
 */
export function joinSockets(
  { socket, head, answerHeaders }: SocketExchange,
  hop: ClientRequest,
  to: NodeAddress,
): Promise<number> {
  const failure = failureOf(hop, to);
  return new Promise((resolve, reject) => {
    const left = () => hop.destroy();
    const fail = (error: Error) => {
      socket.off("close", left);
      reject(error);
    };
    // There is no event for a client that has left already.
    if (socket.destroyed) left();
    socket.once("close", left);
    hop.once("upgrade", (answer: IncomingMessage, other: Duplex, first: Buffer) => {
      socket.off("close", left);
      socket.write(headLines(answer, answerHeaders));
      if (first.length > 0) socket.write(first);
      if (head.length > 0) other.write(head);
      join(socket, other, () => resolve(101));
    });
    hop.once("response", (answer: IncomingMessage) => {
      if (answer.headers[NOT_BEGUN] === undefined) {
        socket.once("close", () => resolve(answer.statusCode ?? 502));
        refuse(socket, answer, answerHeaders);
      } else {
        answer.resume();
        fail(notReached(to));
      }
    });
    hop.on("error", () => (socket.destroyed ? resolve(499) : fail(failure())));
    hop.end();
  });
}

/** Sends the answer of a node that refused the handshake, and ends the connection: no other request can come on it. */
function refuse(socket: Duplex, answer: IncomingMessage, answerHeaders: readonly string[]): void {
  socket.write(headLines(answer, answerHeaders));
  // An answer that breaks off breaks off for the client, too.
  pipeline(answer, socket, () => {
    // Closed at once, it could be reset before the client has read the answer.
    socket.resume();
    const late = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once("close", () => clearTimeout(late));
  });
}

/** Whatever one end sends goes to the other, no faster than that reads; when one closes, so does the other. */
function join(one: Duplex, other: Duplex, closed: () => void): void {
  let open = 2;
  const end = () => {
    one.destroy();
    other.destroy();
    if (--open === 0) closed();
  };
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => from.destroy());
    from.once("close", end);
    from.pipe(to);
  }
}
