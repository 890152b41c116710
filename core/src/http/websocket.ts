import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type TaskRequest, validate } from "@claudeway/schemas";
import type { Logger } from "pino";
import { type WebSocket, WebSocketServer } from "ws";
import { redactTokens } from "../approvals/links.js";
import { GatewayError, messageOf } from "../errors.js";
import type { CompletedRequest, RequestInfo } from "../kernel/hooks.js";
import type { StopReason } from "../ports/engine.js";
import type { Caller } from "../ports/turns.js";
import type { Tasks } from "../tasks.js";
import type { Frame } from "../turns/stream.js";
import type { Turn } from "../turns/turn.js";
import type { Keyring } from "./auth.js";
import { checkedAs } from "./body.js";
import { shownHeaders } from "./dispatch.js";
import { answerOnSocket, internalError, toGatewayError } from "./errors.js";
import { checkHttp, lingerOn } from "./server.js";
import { pathOf } from "./target.js";
import type { UpgradeListener } from "./upgrade.js";

export interface TaskSocketOptions {
  readonly keyring: Keyring;
  readonly tasks: Tasks;
  /** Asks the plugins; throws what refuses the request. */
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
/** What may wait in a socket before its reader is given time, in bytes. */
const HIGH_WATER = 64 * 1024;

/** `GET /task/ws` (RFC 6455): the first text message is a task, the answer its events. */
export class TaskSockets {
  readonly #server: WebSocketServer;

  constructor(private readonly options: TaskSocketOptions) {
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: options.limitBytes,
      clientTracking: true,
    });
  }

  /** Takes a handshake, and the connection with it. */
  readonly upgrade: UpgradeListener = (request, socket, head) => void this.#upgrade(request, socket, head);

  /** Hangs up on whoever is still there. */
  close(): void {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const startedAt = performance.now();
    const { options } = this;
    const id = randomUUID();
    const info = () => ({
      id,
      method: request.method ?? "GET",
      path: redactTokens(pathOf(request.url ?? "/")),
    });
    const complete = (status: number, keyId: string | null) =>
      options.completed({ ...info(), status, durationMs: Math.round(performance.now() - startedAt), keyId });
    socket.on("error", (error) =>
      options.log.debug({ reason: error.message }, "a client left during its upgrade"),
    );
    let caller: Caller | undefined;
    try {
      checkHttp(request);
      caller = options.keyring.authenticate(request.headers.authorization);
      const { path } = info();
      if (path !== PATH) throw new GatewayError("NOT_FOUND", `no WebSocket at ${path}; there is ${PATH}`);
      await options.admit(requestInfo(request, info(), caller));
      const turnId = this.options.tasks.newId();
      try {
        await this.#accept(request, socket, head, { caller, turnId });
      } finally {
        this.options.tasks.abandon(turnId);
      }
      complete(101, caller.keyId);
    } catch (thrown) {
      const error = toGatewayError(thrown) ?? this.#defect(thrown, id);
      // Who never hangs up would keep the connection, and needs no key for it.
      lingerOn(socket);
      answerOnSocket(error, socket);
      complete(error.status, caller?.keyId ?? null);
    }
  }

  /** Resolves when the socket has closed. Throws BAD_REQUEST where the handshake is none. */
  async #accept(request: IncomingMessage, socket: Duplex, head: Buffer, who: SocketUser): Promise<void> {
    let problem: string | undefined;
    // The handshake's own headers are the last ones that there are: the turn is named in them.
    const nameTurn = (headers: string[]) => headers.push(`X-Turn-Id: ${who.turnId}`);
    const noteProblem = (error: Error) => {
      problem = error.message;
    };
    const closed = new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      this.#server.once("headers", nameTurn).once("wsClientError", noteProblem);
      this.#server.handleUpgrade(request, socket, head, (client) => {
        const conversation = new TaskSocket(client, who, this.options);
        client.once("close", () => resolve());
        conversation.open();
      });
      // The handshake was made or refused at once; the next one has its own turn.
      this.#server.off("headers", nameTurn).off("wsClientError", noteProblem);
    });
    if (problem !== undefined) {
      throw new GatewayError("BAD_REQUEST", `no WebSocket handshake: ${problem}`, {
        headers: { "sec-websocket-version": "13" },
      });
    }
    return closed;
  }

  #defect(thrown: unknown, id: string): GatewayError {
    this.options.log.error({ err: thrown, request_id: id }, "an upgrade broke");
    return internalError(id);
  }
}

/** Who opened a socket, and the turn that it is for. */
interface SocketUser {
  readonly caller: Caller;
  readonly turnId: string;
}

/** One socket: waits for the task, sends its events, ends. */
class TaskSocket {
  #turn: Turn | undefined;
  #begun = false;
  #detach = false;
  #alive = true;
  /** Why the turn is to end, also one that has yet to begin. */
  #stopReason: StopReason | undefined;

  constructor(
    private readonly client: WebSocket,
    private readonly who: SocketUser,
    private readonly options: TaskSocketOptions,
  ) {}

  open(): void {
    const { client } = this;
    const late = setTimeout(
      () => this.#fail(`no task within ${FIRST_MESSAGE_MS / 1000} s`),
      FIRST_MESSAGE_MS,
    );
    const pings = setInterval(() => this.#ping(), PING_MS);
    client.on("pong", () => {
      this.#alive = true;
    });
    client.on("message", (data, isBinary) => {
      clearTimeout(late);
      void this.#take(data.toString(), isBinary);
    });
    // A frame that is too large or malformed: ws closes the socket with the code that says so.
    client.on("error", (error) => this.options.log.debug({ reason: error.message }, "a WebSocket broke"));
    client.once("close", () => {
      clearTimeout(late);
      clearInterval(pings);
      if (!this.#detach) this.#stop("disconnected");
    });
  }

  async #take(text: string, isBinary: boolean): Promise<void> {
    if (this.#begun) {
      if (!isBinary && isInterrupt(text)) this.#stop("interrupted");
      return;
    }
    this.#begun = true;
    try {
      const task = readTask(text, isBinary);
      this.#detach = task.detach;
      this.#turn = await this.options.tasks.start(this.who.caller, task, {
        id: this.who.turnId,
        route: `GET ${PATH}`,
      });
      // The client may have left, or thought better of it, while the turn began.
      if (this.#stopReason !== undefined) this.#turn.stop(this.#stopReason);
      await this.#sendEvents(this.#turn, task);
      this.client.close(1000);
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (error === undefined)
        this.options.log.error({ err: thrown, turn_id: this.who.turnId }, "a WebSocket's task broke");
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

  /** Waits for a reader that lags, so that what it has not read is in the stream only, and not here. */
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
    if (!this.#alive) {
      this.client.terminate();
      return;
    }
    this.#alive = false;
    this.client.ping();
  }
}

function readTask(text: string, isBinary: boolean): TaskRequest {
  if (isBinary)
    throw new GatewayError("BAD_REQUEST", "the first message is binary; it takes a task as JSON text");
  return checkedAs("task-request", parseJson(text));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new GatewayError("BAD_REQUEST", `the first message is not JSON: ${messageOf(error)}`);
  }
}

function isInterrupt(text: string): boolean {
  try {
    return validate("event-interrupt", JSON.parse(text)).ok;
  } catch {
    // Whatever else a client sends while its turn runs is harmless.
    return false;
  }
}

function requestInfo(
  request: IncomingMessage,
  info: { readonly id: string; readonly method: string; readonly path: string },
  caller: Caller,
): RequestInfo {
  const headers = shownHeaders(request);
  return { ...info, keyId: caller.keyId, remoteAddress: request.socket.remoteAddress ?? "", headers };
}
