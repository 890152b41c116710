import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { IncomingRequest } from "./incoming.js";

/**
 * How long data from a client that already has its response is read and discarded, in ms. A reset would take the response from a
 * proxy that has not read it yet.
 */
const LINGER_MS = 5_000;
/** Requests of all connections that wait behind others of theirs; each holds some KB, and its client may read nothing. */
const MAX_WAITING = 10_000;

interface Exchange {
  readonly request: IncomingRequest;
  readonly response: ServerResponse;
}

interface Connection {
  readonly socket: Duplex;
  /** In the order of the requests. */
  readonly open: Exchange[];
  /** The one that was handed over last, until it is over; those behind it wait. */
  begun: Exchange | undefined;
  /** Called when nothing is open any more. */
  answered: (() => void) | undefined;
  /** The request that was last answered before all of it had come, and the timer that hangs up on its client. */
  late?: IncomingRequest;
  hangUp?: NodeJS.Timeout;
}

/**
 * The unfinished requests of each connection. Where a client does not wait for answers (pipelining), they are handed over one by
 * one: those of one connection could otherwise fill the memory with what they make, all at the same time.
 */
export class Exchanges {
  readonly #connections = new WeakMap<Duplex, Connection>();
  #waiting = 0;

  constructor(
    private readonly receive: (request: IncomingRequest, response: ServerResponse) => void,
    private readonly maxWaiting = MAX_WAITING,
  ) {}

  /** Hands the request over now, or after those before it on its connection. If too many wait, the connection is closed. */
  begin(request: IncomingRequest, response: ServerResponse): void {
    const connection = this.#of(request.socket);
    forgetOver(connection);
    const exchange = { request, response };
    connection.open.push(exchange);
    // A response gets the socket once the one before it has been sent.
    if (connection.open.length === 1 && response.socket !== null) this.#handOver(connection, exchange);
    else if (++this.#waiting > this.maxWaiting) request.socket.destroy();
  }

  #handOver(connection: Connection, exchange: Exchange): void {
    connection.begun = exchange;
    const { request, response } = exchange;
    // It closes once; `once` would cost an object and a function more.
    response.on("close", () => this.#over(connection, request));
    this.receive(request, response);
  }

  #over(connection: Connection, request: IncomingRequest): void {
    // That of the request is gone if its route stopped reading it.
    const { socket } = connection;
    forgetOver(connection);
    // A client that already has its response (too large, no key) has no reason to continue sending.
    if (!request.complete && !socket.destroyed) hangUpUnless(connection, request);
    if (socket.destroyed || connection.open.length === 0) connection.answered?.();
    request.whenOver?.();
    request.whenOver = undefined;
    const [next] = connection.open;
    // Requests after the last answer of a connection are not answered.
    if (next === undefined || next === connection.begun || !socket.writable) return;
    this.#waiting--;
    this.#handOver(connection, next);
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
    const connection: Connection = { socket, open: [], begun: undefined, answered: undefined };
    this.#connections.set(socket, connection);
    socket.once("close", () => {
      clearTimeout(connection.hangUp);
      const waiting = connection.open.filter((exchange) => exchange !== connection.begun);
      connection.open.length = 0;
      this.#waiting -= waiting.length;
      // Node closes the one response alone that has the socket.
      for (const { response } of waiting) response.emit("close");
      connection.answered?.();
    });
    return connection;
  }
}

/** Responses are written in the order of their requests, so that those which are over come first. */
function forgetOver(connection: Connection): void {
  const { open } = connection;
  // One that an idle connection remembered would keep its bodies in memory.
  while (open[0] !== undefined && isOver(open[0]))
    if (open.shift() === connection.begun) connection.begun = undefined;
}

/** Closes the connection unless all of the request comes, its last. */
function hangUpUnless(connection: Connection, late: IncomingRequest): void {
  connection.late = late;
  const check = () => connection.late?.complete || connection.socket.destroy();
  connection.hangUp = connection.hangUp?.refresh() ?? setTimeout(check, LINGER_MS);
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
