import type { ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { IncomingRequest } from "./incoming.js";

/** How long data from a client that already has its response is read and discarded, in ms. */
const LINGER_MS = 1_000;
/** Requests of all connections that wait behind others of theirs; each holds some KB, and its client may read nothing. */
const MAX_WAITING = 10_000;

interface Exchange {
  readonly request: IncomingRequest;
  readonly response: ServerResponse;
}

interface Connection {
  /** In the order of the requests. */
  readonly open: Exchange[];
  /** Called when nothing is open any more. */
  answered: (() => void) | undefined;
  /** The request that was last answered before all of it had come, and the timer that hangs up on its client. */
  late?: IncomingRequest;
  hangUp?: NodeJS.Timeout;
}

/** The unfinished requests of each connection; there are several if the client uses pipelining. */
export class Exchanges {
  readonly #connections = new WeakMap<Duplex, Connection>();
  #waiting = 0;

  constructor(private readonly maxWaiting = MAX_WAITING) {}

  /** False: too many requests wait already, and this one's connection is closed. */
  begin(request: IncomingRequest, response: ServerResponse): boolean {
    const { socket } = request;
    const connection = this.#of(socket);
    const waits = connection.open.push({ request, response }) > 1 ? 1 : 0;
    this.#waiting += waits;
    if (waits > 0 && this.#waiting > this.maxWaiting) socket.destroy();
    // It closes once; `once` would cost an object and a function more.
    response.on("close", () => {
      this.#waiting -= waits;
      forgetOver(connection);
      // A client that already has its response (too large, no key) has no reason to continue sending.
      if (!request.complete && !socket.destroyed) hangUpUnless(connection, request, socket);
      if (socket.destroyed || connection.open.length === 0) connection.answered?.();
      request.whenOver?.();
    });
    return !socket.destroyed;
  }

  any(socket: Duplex): boolean {
    return this.#openOf(socket).length > 0;
  }

  /** The response that is being written to the socket. */
  current(socket: Duplex): ServerResponse | undefined {
    return this.#openOf(socket)[0]?.response;
  }

  /**
   * Resolves when no request on this connection waits for a response, or the connection is closed. Called after Node
   * has detached the connection, so that no request can follow.
   */
  async answered(socket: Duplex): Promise<void> {
    if (socket.destroyed || !this.any(socket)) return;
    const connection = this.#of(socket);
    await new Promise<void>((resolve) => {
      connection.answered = resolve;
    });
  }

  /** Whether the current response on the socket is the one to the unreadable request, and no other. */
  canAnswer(socket: Duplex): boolean {
    const [first, second] = this.#openOf(socket);
    if (first === undefined) return true;
    return second === undefined && !first.request.complete && !first.response.headersSent;
  }

  #openOf(socket: Duplex): readonly Exchange[] {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return [];
    forgetOver(connection);
    return connection.open;
  }

  #of(socket: Duplex): Connection {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const connection: Connection = { open: [], answered: undefined };
    this.#connections.set(socket, connection);
    socket.once("close", () => {
      clearTimeout(connection.hangUp);
      closeWaiting(connection);
    });
    return connection;
  }
}

/** Responses are written in the order of their requests, so that those which are over come first. */
function forgetOver({ open }: Connection): void {
  while (open[0] !== undefined && isOver(open[0])) open.shift();
}

/** Closes the connection unless all of the request comes, its last. One that was refused has no socket any more. */
function hangUpUnless(connection: Connection, late: IncomingRequest, socket: Duplex): void {
  connection.late = late;
  const check = () => connection.late?.complete || socket.destroy();
  connection.hangUp = connection.hangUp?.refresh() ?? setTimeout(check, LINGER_MS);
}

/** Closes the responses that waited for others on a connection that has closed: Node closes only the first. */
function closeWaiting({ open }: Connection): void {
  for (const { response } of open) {
    if (response.socket === null && !response.writableFinished) response.assignSocket(new Socket().destroy());
  }
}

/** Calls `over` once the response has closed, also if it has already: there is no second event. */
export function whenClosed(response: ServerResponse, over: () => void): void {
  if (response.closed) over();
  else response.once("close", over);
}

function isOver({ request, response }: Exchange): boolean {
  return request.complete && response.writableFinished;
}

/** Closes the connection after a delay: closing at once would reset it and discard the response. */
export function lingerOn(socket: Duplex): void {
  const hangUp = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(hangUp));
}
