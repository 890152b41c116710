import { LedgerError } from "@claudeway/ports";
import type { Connection } from "./connection.js";

/** How many pieces of work may wait for a connection. */
const MAX_WAITING = 10_000;

interface Waiter {
  resolve(connection: Connection): void;
  reject(error: unknown): void;
}

/** A few connections, made when they are needed. */
export class Pool {
  readonly #idle: Connection[] = [];
  readonly #waiting: Waiter[] = [];
  /** Connections that are made, idle or in use. */
  #size = 0;

  constructor(
    private readonly connect: () => Promise<Connection>,
    private readonly max: number,
  ) {}

  /** Rejects with a LedgerError if no connection can be made, or too many callers wait for one. */
  take(): Promise<Connection> {
    const idle = this.#usable();
    if (idle !== undefined) return Promise.resolve(idle);
    if (this.#waiting.length >= MAX_WAITING)
      return Promise.reject(new LedgerError("ledger: too much work waits for a connection", {}, true));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (this.#size < this.max) void this.#add();
    });
  }

  give(connection: Connection): void {
    if (connection.isLost) this.#size -= 1;
    else this.#idle.push(connection);
    this.#serve();
  }

  /** Ends all connections. Work that still waits is refused. */
  async close(): Promise<void> {
    for (const { reject } of this.#waiting.splice(0)) reject(new LedgerError("the ledger is closed"));
    await Promise.all(this.#idle.splice(0).map((connection) => connection.close()));
  }

  #usable(): Connection | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (!idle.isLost) return idle;
      this.#size -= 1;
    }
    return undefined;
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const idle = this.#usable();
      if (idle === undefined) break;
      this.#waiting.shift()?.resolve(idle);
    }
    if (this.#waiting.length > 0 && this.#size < this.max) void this.#add();
  }

  async #add(): Promise<void> {
    this.#size += 1;
    try {
      this.#idle.push(await this.connect());
      this.#serve();
    } catch (error) {
      this.#size -= 1;
      // Each decides for itself whether it tries again.
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    }
  }
}
