import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { Transform, type TransformCallback } from "node:stream";
import { listeningPort } from "../e2e/address.js";
import type { Way } from "./way.js";

/** What becomes of bytes in one direction: they flow, or are held until they flow again, as in a network that lost its route. */
export type Flow = "flows" | "held";

/** How much longer a chunk takes on a slow way. */
const SLOW_MS = 40;

/** A pair of connected sockets, and what lies between them. */
interface Link {
  readonly client: Socket;
  readonly target: Socket;
  readonly towards: Gate;
  readonly back: Gate;
}

/**
 * A TCP proxy before a database or a gateway, to break the way to it: bytes are held in one direction or both, delayed, or
 * connections are reset and refused.
 */
export class FaultProxy implements Way {
  readonly #links = new Set<Link>();
  #towards: Flow = "flows";
  #back: Flow = "flows";
  #delayMs = 0;
  #refuses = false;

  private constructor(
    private readonly server: Server,
    readonly port: number,
    private readonly targetPort: number,
  ) {
    server.on("connection", (client) => this.#link(client));
  }

  static async start(targetPort: number): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
    return new FaultProxy(server, await listeningPort(server), targetPort);
  }

  /** Nothing passes in either direction, and no connection learns why. */
  cut(): void {
    this.#set("held", "held");
  }

  /** What is sent to the target arrives; no answer comes back. Or the other way round. */
  cutOneWay(direction: "towards" | "back"): void {
    this.#set(direction === "towards" ? "held" : "flows", direction === "back" ? "held" : "flows");
  }

  /** Each chunk takes this much longer, in each direction. */
  slow(delayMs = SLOW_MS): void {
    this.#delayMs = delayMs;
    for (const { towards, back } of this.#links) {
      towards.delayMs = delayMs;
      back.delayMs = delayMs;
    }
  }

  /** Resets all connections, and refuses new ones. */
  reset(): void {
    this.#refuses = true;
    for (const { client, target } of this.#links)
      for (const socket of [client, target]) socket.resetAndDestroy();
  }

  /** Everything passes again; what was held arrives. */
  restore(): void {
    this.#refuses = false;
    this.slow(0);
    this.#set("flows", "flows");
  }

  async close(): Promise<void> {
    for (const { client, target } of this.#links) for (const socket of [client, target]) socket.destroy();
    this.server.close();
    if (this.server.listening) await once(this.server, "close");
  }

  #set(towards: Flow, back: Flow): void {
    this.#towards = towards;
    this.#back = back;
    for (const link of this.#links) {
      link.towards.flow = towards;
      link.back.flow = back;
    }
  }

  #link(client: Socket): void {
    client.on("error", () => client.destroy());
    if (this.#refuses) {
      client.resetAndDestroy();
      return;
    }
    const target = connect({ port: this.targetPort, host: "127.0.0.1", allowHalfOpen: true });
    const towards = new Gate(this.#towards, this.#delayMs);
    const back = new Gate(this.#back, this.#delayMs);
    const link = { client, target, towards, back };
    // The proxy must not add Nagle's 40 ms to statements that are sent one behind the other.
    for (const socket of [client, target]) socket.setNoDelay();
    this.#links.add(link);
    target.on("error", () => this.#unlink(link));
    client.on("close", () => this.#unlink(link));
    target.on("close", () => this.#unlink(link));
    client.pipe(towards.stream).pipe(target);
    target.pipe(back.stream).pipe(client);
  }

  /** While bytes are held, the end of one side is held too. */
  #unlink(link: Link): void {
    const ends = [link.towards.opened(), link.back.opened()];
    void Promise.all(ends).then(() => {
      this.#links.delete(link);
      link.client.destroy();
      link.target.destroy();
    });
  }
}

/** Lets chunks pass, or holds them. */
class Gate {
  delayMs: number;
  readonly stream: Transform;
  #flow: Flow;
  #waiting: (() => void)[] = [];

  constructor(flow: Flow, delayMs: number) {
    this.#flow = flow;
    this.delayMs = delayMs;
    this.stream = new Transform({
      transform: (chunk, _encoding, done) => void this.#pass(chunk, done),
      flush: (done) => void this.opened().then(() => done()),
    });
    this.stream.on("error", () => undefined);
  }

  set flow(flow: Flow) {
    this.#flow = flow;
    if (flow === "flows") for (const open of this.#waiting.splice(0)) open();
  }

  async opened(): Promise<void> {
    while (this.#flow === "held") await new Promise<void>((open) => this.#waiting.push(open));
  }

  async #pass(chunk: Buffer, done: TransformCallback): Promise<void> {
    await this.opened();
    if (this.delayMs > 0) await new Promise((over) => setTimeout(over, this.delayMs));
    await this.opened();
    done(null, chunk);
  }
}
