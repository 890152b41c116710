import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { NodeAddress, NodeStart } from "./cluster.js";
import type { Caller } from "./turns.js";

/** A request as the node that received it from its client describes it to the node that answers it. */
export interface PassedRequest {
  /** The node that passed it on. */
  readonly from: NodeStart;
  readonly requestId: string;
  readonly clientAddress: string;
  /** Undefined on routes without a key. */
  readonly caller: Caller | undefined;
  /** For the turn of a session's prompt: under this id, the node that passed it on finds it in the ledger. */
  readonly turnId?: string | undefined;
}

/** A request that is being answered. */
export interface Exchange extends Omit<PassedRequest, "from" | "turnId"> {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** True: another node passed the request on to this one. */
  readonly passed: boolean;
  /** The body, once it was read as text; undefined: it has not been read, or can't be sent again. */
  body(): string | undefined;
  /** Called with the node that answers, before it does. */
  passedTo(node: Pick<NodeAddress, "node">): void;
}

/** The handshake of a WebSocket. */
export interface SocketExchange extends Omit<PassedRequest, "from" | "turnId"> {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What arrived after the handshake. */
  readonly head: Buffer;
  /** Lines such as `X-Limit: 3` for the handshake's answer. */
  readonly answerHeaders: readonly string[];
}

/** A handshake that another node answered. */
export interface JoinedSocket {
  readonly node: string;
  readonly status: number;
}

/** What one node asks another to do with a session, in the name of a key. */
export type SessionOrder = "hand-over" | "interrupt" | "end-background" | "delete";

/** The work of this node, as far as passing on needs to know it. */
export interface LocalWork {
  /** How many turns run and wait here, and how many may run. */
  load(): { readonly running: number; readonly queued: number; readonly maxRunning: number };
  /**
   * Does what another node asks for; false: there was nothing to do. `hand-over` ends the idle process of the session; false:
   * it is busy, or its conversation is not saved.
   */
  carryOut(order: SessionOrder, sessionId: string, caller: Caller): Promise<boolean>;
}

/** Passes requests on to the nodes that have their sessions. */
export interface PassingOn {
  /** Called once, before the first request. */
  serve(work: LocalWork): void;
  /**
   * What another node passed on; undefined: the request came from a client. Throws a GatewayError if the signature is
   * invalid, or the request is for another node.
   */
  received(request: IncomingMessage): PassedRequest | undefined;
  /** Has the request answered by `next`, or by the node that it belongs to. */
  answer(exchange: Exchange, next: () => Promise<unknown>): Promise<void>;
  /** Joins a task's WebSocket to another node, if that is emptier. Resolves once it has closed; undefined: it stays here. */
  joinSocket(exchange: SocketExchange): Promise<JoinedSocket | undefined>;
  /**
   * Has the session's node carry the order out. Undefined: the session is here, or free. Throws UNAVAILABLE if its node does
   * not answer.
   */
  order(order: SessionOrder, sessionId: string, caller: Caller): Promise<boolean | undefined>;
  /**
   * Takes a session for a caller in this process: asks the node that has it to hand it over. Throws `Elsewhere` if it is busy
   * there.
   */
  bring(sessionId: string, caller: Caller): Promise<void>;
  /**
   * Throws `Elsewhere` if another node has the session of a turn, or UNAVAILABLE if that is away; with `if it answers`, the
   * ledger will do then.
   */
  checkTurn(turn: { readonly sessionId: string }, need?: "if it answers"): Promise<void>;
  /** The other node that has the session; undefined: it is here, free, or its node is away. */
  nodeOf(sessionId: string): Promise<string | undefined>;
  /** Throws `Elsewhere` if the start of a node, which began something, is another that lives. */
  checkStart(start: NodeStart): void;
  /** Resolves when other nodes have no reason to pass anything on to this one, which drains. */
  emptied(): Promise<void>;
  /** Ends what is still open. */
  close(): void;
}
