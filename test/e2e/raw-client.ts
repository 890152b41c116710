import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as sleep } from "node:timers/promises";
import { parseAnswer, type RawAnswer } from "./wire.js";

/** A connection to the gateway's port that behaves as badly as its test wants. */
export class RawClient {
  received = "";
  /** The same for a body that is not text. */
  bytes = Buffer.alloc(0);
  /** Resolves when the gateway has hung up, or the client has. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const decoder = new StringDecoder("utf8");
    socket.on("data", (chunk: Buffer) => {
      this.received += decoder.write(chunk);
      this.bytes = Buffer.concat([this.bytes, chunk]);
    });
    // Being reset is one of the ways to be hung up on.
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
  }

  static async open(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    const client = new RawClient(socket);
    await once(socket, "connect");
    return client;
  }

  get answer(): RawAnswer {
    return parseAnswer(this.received);
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  send(bytes: string | Buffer): boolean {
    return this.#socket.write(bytes);
  }

  /** Resolves when the system has taken all of it. */
  async sendWhole(bytes: string | Buffer): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  /** Sends the same piece again and again until the gateway hangs up; resolves to how many bytes that were. */
  async drip(piece: string, everyMs: number): Promise<number> {
    let sent = 0;
    while (!this.#socket.destroyed && this.#socket.writable) {
      if (!this.send(piece)) await Promise.race([once(this.#socket, "drain"), this.closed]);
      sent += piece.length;
      await sleep(everyMs);
    }
    return sent;
  }

  /** Reads nothing more. */
  pause(): void {
    this.#socket.pause();
  }

  /** Goes away without a word, in the middle of whatever it is. */
  leave(): void {
    this.#socket.resetAndDestroy();
  }
}
