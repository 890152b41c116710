import type { ClientRequest, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { NodeAddress, SocketExchange } from "@claudeway/ports";
import { headLines } from "./headers.js";
import { noAnswer } from "./hops.js";

/**
 * Sends a handshake to another node and joins both sockets. Resolves to the status of the answer when
 * they have closed. Rejects with UNAVAILABLE.
 */
export function joinSockets(
  { socket, head, answerHeaders }: SocketExchange,
  hop: ClientRequest,
  to: NodeAddress,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const left = () => hop.destroy();
    socket.once("close", left);
    hop.once("upgrade", (answer: IncomingMessage, other: Duplex, first: Buffer) => {
      socket.off("close", left);
      socket.write(headLines(answer, answerHeaders));
      if (first.length > 0) socket.write(first);
      if (head.length > 0) other.write(head);
      join(socket, other, () => resolve(101));
    });
    // The other node refused the handshake.
    hop.once("response", (answer: IncomingMessage) => {
      socket.write(headLines(answer, answerHeaders));
      answer.pipe(socket);
      socket.once("close", () => resolve(answer.statusCode ?? 502));
    });
    hop.on("error", () => (socket.destroyed ? resolve(499) : reject(noAnswer(to))));
    hop.end();
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
