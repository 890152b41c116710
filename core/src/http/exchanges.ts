import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The requests of each connection that are not over: there are several where a client sends ahead (pipelining). */
export class Exchanges {
  readonly #open = new WeakMap<Duplex, readonly Exchange[]>();
  /** What Node has taken off a connection until the answers before it are out: nothing can come behind. */
  readonly #waiting = new WeakMap<Duplex, () => void>();

  begin(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#open.set(socket, [...this.#of(socket), { request, response }]);
    response.once("close", () => {
      this.#open.set(socket, this.#of(socket));
      if (socket.destroyed || !this.any(socket)) this.#waiting.get(socket)?.();
    });
  }

  any(socket: Duplex): boolean {
    return this.#of(socket).length > 0;
  }

  /** The response that is written to the socket now. */
  current(socket: Duplex): ServerResponse | undefined {
    return this.#of(socket)[0]?.response;
  }

  /** Resolves when nothing on this connection waits for its answer any more, or the connection is over. */
  async answered(socket: Duplex): Promise<void> {
    if (socket.destroyed || !this.any(socket)) return;
    await new Promise<void>((resolve) => this.#waiting.set(socket, resolve));
  }

  /** Whether what is written to the socket now is the answer to what could not be read, and to nothing else. */
  canAnswer(socket: Duplex): boolean {
    const [first, second] = this.#of(socket);
    if (first === undefined) return true;
    return second === undefined && !first.request.complete && !first.response.headersSent;
  }

  #of(socket: Duplex): readonly Exchange[] {
    return (this.#open.get(socket) ?? []).filter(
      ({ request, response }) => !(request.complete && response.writableFinished),
    );
  }
}
