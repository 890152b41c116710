import { randomUUID } from "node:crypto";
import { type IncomingMessage, validateHeaderName, validateHeaderValue } from "node:http";
import type { Duplex } from "node:stream";
import type { CompletedRequest, RequestFields, RequestInfo } from "@claudeway/kernel";
import {
  type Caller,
  type Frame,
  GatewayError,
  type PassedRequest,
  type PassingOn,
  type StopReason,
  toGatewayError,
} from "@claudeway/ports";
import type { ByteBudget } from "@claudeway/scheduling";
import { type TaskRequest, validate } from "@claudeway/schemas";
import type { Logger } from "pino";
import type { RawData, WebSocket, WebSocketServer } from "ws";
import { redactTokens } from "../approvals/links.js";
import type { Tasks } from "../tasks.js";
import type { Turn } from "../turns/turn.js";
import { type Authentication, authorizationOf } from "./authentication.js";
import { parseText } from "./body.js";
import type { ClientAddresses } from "./client-address.js";
import { answerOnSocket, internalError } from "./errors.js";
import { lingerOn } from "./exchanges.js";
import { requestHead, shownHeaders } from "./request-info.js";
import { checkHttp } from "./server.js";
import { pathOf } from "./target.js";
import type { UpgradeListener } from "./upgrade.js";

export interface TaskSocketOptions {
  readonly authentication: Authentication;
  readonly addresses: ClientAddresses;
  readonly passing: PassingOn | undefined;
  /** Called with each handshake that another node may answer, until its socket has closed or it stays here. */
  readonly joins: (joining: Promise<unknown>) => void;
  readonly tasks: Tasks;
  readonly fields: RequestFields;
  /** The size limit of all messages of a key that are being read. */
  readonly budgetOf: (keyId: string) => ByteBudget;
  /** Runs the `request` hook; throws the refusal. */
  readonly admit: (request: RequestInfo) => Promise<void>;
  readonly completed: (request: CompletedRequest) => void;
  /** The largest message, in bytes. */
  readonly limitBytes: number;
  readonly log: Logger;
}

const PATH = "/task/ws";
/** How long a client may take to send its first message, in ms. */
const FIRST_MESSAGE_MS = 30_000;
/** A peer that has not answered a ping by the time of the next one has gone. */
const PING_MS = 30_000;
/** A longer message cannot be an interrupt and is not parsed. */
const MAX_INTERRUPT_BYTES = 1024;
/** How much data may be buffered in a socket before the sender waits for the reader, in bytes. */
const HIGH_WATER = 64 * 1024;

/** `GET /task/ws` (RFC 6455): the first text message is a task, the answer its events. */
export class TaskSockets {
  #server: WebSocketServer | undefined;

  constructor(private readonly options: TaskSocketOptions) {}

  /** Handles a handshake, and owns its connection from then on. */
  readonly upgrade: UpgradeListener = (request, socket, head) => void this.#upgrade(request, socket, head);

  /** Closes all sockets. */
  close(): void {
    for (const client of this.#server?.clients ?? []) client.terminate();
    this.#server?.close();
  }

  /** Loads the package with the first handshake: most gateways have none. */
  async #open(): Promise<WebSocketServer> {
    const { WebSocketServer } = await import("ws");
    this.#server ??= new WebSocketServer({ noServer: true, maxPayload: this.options.limitBytes });
    return this.#server;
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, early: Buffer): Promise<void> {
    const startedAt = performance.now();
    const { options } = this;
    let id: string = randomUUID();
    let passed: PassedRequest | undefined;
    const { method = "GET" } = request;
    const info = () => ({ id, method, path: redactTokens(pathOf(request.url ?? "/")) });
    const complete = (status: number, keyId: string | null, node?: string) => {
      // The node that passed it on reports it.
      if (passed !== undefined) return;
      const durationMs = Math.round(performance.now() - startedAt);
      options.completed({ ...info(), route: PATH, status, durationMs, keyId, node });
    };
    socket.on("error", (error) =>
      options.log.debug({ reason: error.message }, "a client left during its upgrade"),
    );
    let caller: Caller | undefined;
    try {
      checkHttp(request);
      passed = options.passing?.received(request);
      id = passed?.requestId ?? id;
      const address = passed?.clientAddress ?? options.addresses.of(request);
      const authorization = authorizationOf(request.headers);
      const head = () => requestHead({ ...info(), remoteAddress: address }, request, authorization);
      caller = passed?.caller;
      if (caller === undefined && options.authentication.isPluggedIn)
        caller = await options.authentication.ask(head());
      const known = caller ?? options.authentication.configured(authorization, address);
      if (known instanceof GatewayError) throw known;
      caller = known;
      const { path } = info();
      if (path !== PATH) throw new GatewayError("NOT_FOUND", `no WebSocket at ${path}; use ${PATH}`);
      const { keyId } = caller;
      const headers = shownHeaders(request);
      const answerHeaders: string[] = [];
      const setHeader = (name: string, value: string) => {
        validateHeaderName(name);
        validateHeaderValue(name, value);
        answerHeaders.push(`${name}: ${value}`);
      };
      if (passed === undefined) {
        await options.admit({ ...info(), keyId, remoteAddress: address, headers, setHeader });
        const from = { requestId: id, clientAddress: address, caller, request, socket, head: early };
        const joining = options.passing?.joinSocket({ ...from, answerHeaders });
        if (joining !== undefined) options.joins(joining);
        const joined = await joining;
        if (joined !== undefined) return complete(joined.status, keyId, joined.node);
      }
      answerHeaders.push(`X-Request-Id: ${id}`);
      const user = caller;
      await options.tasks.withId((turnId) =>
        this.#accept(request, socket, early, { caller: user, turnId, answerHeaders }),
      );
      complete(101, caller.keyId);
    } catch (thrown) {
      const error = toGatewayError(thrown) ?? this.#defect(thrown, id);
      // A client without a key could otherwise keep the connection open forever.
      lingerOn(socket);
      answerOnSocket(error, socket, id);
      complete(error.status, caller?.keyId ?? null);
    }
  }

  /** Resolves when the socket has closed. Throws BAD_REQUEST if the handshake is invalid. */
  async #accept(request: IncomingMessage, socket: Duplex, head: Buffer, who: SocketUser): Promise<void> {
    let problem: string | undefined;
    // The handshake's headers are the last ones, so they contain the id of the turn.
    const nameTurn = (headers: string[]) => headers.push(...who.answerHeaders, `X-Turn-Id: ${who.turnId}`);
    const noteProblem = (error: Error) => {
      problem = error.message;
    };
    const server = await this.#open();
    const closed = new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      if (socket.destroyed) resolve();
      server.once("headers", nameTurn).once("wsClientError", noteProblem);
      server.handleUpgrade(request, socket, head, (client) => {
        const conversation = new TaskSocket(client, who, this.options);
        conversation.boundBytes(socket);
        client.once("close", () => resolve());
        conversation.open();
      });
      // The handshake was completed or refused synchronously; the next one has its own turn.
      server.off("headers", nameTurn).off("wsClientError", noteProblem);
    });
    if (problem !== undefined) {
      throw new GatewayError("BAD_REQUEST", `invalid WebSocket handshake: ${problem}`, {
        headers: { "sec-websocket-version": "13" },
      });
    }
    return closed;
  }

  #defect(thrown: unknown, id: string): GatewayError {
    this.options.log.error({ err: thrown, request_id: id }, "an upgrade failed with an internal error");
    return internalError(id);
  }
}

/** The caller of a socket, the id of its turn, and what plugins add to the handshake's answer. */
interface SocketUser {
  readonly caller: Caller;
  readonly turnId: string;
  readonly answerHeaders: readonly string[];
}

/** One socket: waits for the task, sends its events, and closes. */
class TaskSocket {
  #turn: Turn | undefined;
  #begun = false;
  #detach = false;
  #alive = true;
  /** The reason to end the turn, which may not have begun yet. */
  #stopReason: StopReason | undefined;

  constructor(
    private readonly client: WebSocket,
    private readonly who: SocketUser,
    private readonly options: TaskSocketOptions,
  ) {}

  open(): void {
    const { client } = this;
    const giveUp = () => this.#fail(`no task within ${FIRST_MESSAGE_MS / 1000} s`);
    const late = setTimeout(giveUp, FIRST_MESSAGE_MS);
    const pings = setInterval(() => this.#ping(), PING_MS);
    client.on("pong", () => {
      this.#alive = true;
    });
    client.on("message", (data, isBinary) => {
      clearTimeout(late);
      void this.#take(data, isBinary);
    });
    // A frame that is too large or malformed: ws closes the socket with the code that says so.
    client.on("error", (error) => this.options.log.debug({ reason: error.message }, "a WebSocket failed"));
    client.once("close", () => {
      clearTimeout(late);
      clearInterval(pings);
      if (!this.#detach) this.#stop("disconnected");
    });
  }

  /**
   * Counts the received part of incomplete messages: the protocol limits each message, this limits all messages of a
   * key.
   */
  boundBytes(socket: Duplex): void {
    const budget = this.options.budgetOf(this.who.caller.keyId);
    let held = 0;
    const giveBack = () => {
      budget.give(held);
      held = 0;
    };
    const onData = (chunk: Buffer) => {
      if (budget.take(chunk.length)) held += chunk.length;
      else {
        socket.off("data", onData);
        this.#fail("too many bodies are being read at once; try again");
        lingerOn(socket);
      }
    };
    socket.on("data", onData).once("close", giveBack);
    this.client.on("message", giveBack).on("ping", giveBack).on("pong", giveBack);
  }

  async #take(data: RawData, isBinary: boolean): Promise<void> {
    const bytes = bytesOf(data);
    if (this.#begun) {
      if (!isBinary && isInterrupt(bytes)) this.#stop("interrupted");
      return;
    }
    this.#begun = true;
    try {
      const task = this.options.fields.read("task-request", readTask(bytes, isBinary));
      this.#detach = task.detach;
      const as = { id: this.who.turnId, route: `GET ${PATH}` };
      this.#turn = await this.options.tasks.start(this.who.caller, task, as);
      // The client may have disconnected or interrupted while the turn began.
      if (this.#stopReason !== undefined) this.#turn.stop(this.#stopReason);
      await this.#sendEvents(this.#turn, task);
      this.client.close(1000);
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (error === undefined)
        this.options.log.error(
          { err: thrown, turn_id: this.who.turnId },
          "the task of a WebSocket failed with an internal error",
        );
      this.#fail(error?.message ?? `internal error; quote ${this.who.turnId}`);
    }
  }

  #stop(reason: StopReason): void {
    this.#stopReason ??= reason;
    this.#turn?.stop(reason);
  }

  async #sendEvents(turn: Turn, task: TaskRequest): Promise<void> {
    // Pings keep the connection awake, no heartbeat is needed.
    for await (const frame of turn.stream.read({ mode: task.stream, after: 0, heartbeatMs: PING_MS })) {
      if (this.client.readyState !== this.client.OPEN) return;
      if (frame !== null) await this.#send(frame);
    }
  }

  /** Waits for a slow reader, so that unread data stays in the stream and is not buffered here. */
  async #send({ event, data }: Pick<Frame, "event" | "data">): Promise<void> {
    const sent = new Promise<void>((resolve) => {
      this.client.send(JSON.stringify({ event, data }), () => resolve());
    });
    if (this.client.bufferedAmount > HIGH_WATER) await sent;
  }

  #fail(reason: string): void {
    this.client.send(JSON.stringify({ event: "error", data: reason }));
    this.client.close(1008);
  }

  #ping(): void {
    if (this.#alive) this.client.ping();
    else this.client.terminate();
    this.#alive = false;
  }
}

function readTask(bytes: Buffer, isBinary: boolean): unknown {
  if (isBinary)
    throw new GatewayError("BAD_REQUEST", "the first message must be a task as JSON text, got binary data");
  return parseText(bytes, "the first message");
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? Buffer.from(data) : data;
}

function isInterrupt(bytes: Buffer): boolean {
  if (bytes.length > MAX_INTERRUPT_BYTES) return false;
  try {
    return validate("event-interrupt", JSON.parse(bytes.toString())).ok;
  } catch {
    // Other messages while the turn runs are ignored.
    return false;
  }
}
