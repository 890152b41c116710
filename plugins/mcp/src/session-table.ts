import { randomUUID } from "node:crypto";
import { type Caller, type PluginScope, Refusal } from "@claudeway/core";
import { loadSdk } from "./sdk.js";
import type { ServerParts } from "./server.js";
import { McpSession } from "./session.js";

/** Sessions of all keys together. */
const MAX_TOGETHER = 1000;
const SWEEP_MS = 60_000;

export interface SessionTableOptions {
  readonly maxPerKey: number;
  readonly idleMs: number;
  readonly log: PluginScope["log"];
}

/** The protocol sessions of all clients. They are in memory: after a restart, clients begin new ones. */
export class SessionTable {
  readonly #sessions = new Map<string, McpSession>();
  readonly #sweeping: NodeJS.Timeout;
  #closed = false;

  constructor(
    private readonly parts: ServerParts,
    private readonly options: SessionTableOptions,
  ) {
    this.#sweeping = setInterval(() => this.#sweep(), Math.min(SWEEP_MS, options.idleMs));
    this.#sweeping.unref();
  }

  /** The session, if it is the caller's. That of another key looks as if it did not exist. */
  find({ keyId }: Caller, id: string): McpSession {
    const session = this.#sessions.get(id);
    if (session === undefined || session.keyId !== keyId)
      throw new Refusal(404, "no such MCP session; initialize a new one");
    return session;
  }

  /** Makes a session, which may end the longest unused one of its key. */
  async begin({ keyId }: Caller): Promise<McpSession> {
    const sdk = await loadSdk();
    const own = [...this.#sessions.values()].filter((session) => session.keyId === keyId);
    if (own.length >= this.options.maxPerKey) this.#endUnused(own);
    if (this.#sessions.size >= MAX_TOGETHER) this.#endUnused(this.#sessions.values());
    if (this.#closed) throw tooMany();
    const session = new McpSession(sdk, this.parts, { id: randomUUID(), keyId });
    this.#sessions.set(session.id, session);
    await session.open();
    return session;
  }

  /** How many requests of a key are being answered. */
  callsOf(keyId: string): number {
    let calls = 0;
    for (const session of this.#sessions.values()) if (session.keyId === keyId) calls += session.calls;
    return calls;
  }

  /** Ends the longest unused one. Throws if all are in use. */
  #endUnused(sessions: Iterable<McpSession>): void {
    const [longest] = [...sessions].filter(({ calls }) => calls === 0).sort((a, b) => a.usedAt - b.usedAt);
    if (longest === undefined) throw tooMany();
    this.#end(longest);
  }

  #end(session: McpSession): void {
    this.end(session).catch((error: unknown) => {
      this.options.log.warn({ err: error }, "a session of an MCP client could not be closed");
    });
  }

  async end(session: McpSession): Promise<void> {
    this.#sessions.delete(session.id);
    await session.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeping);
    await Promise.all([...this.#sessions.values()].map((session) => this.end(session)));
  }

  #sweep(): void {
    const before = Date.now() - this.options.idleMs;
    for (const session of this.#sessions.values())
      if (session.calls === 0 && session.usedAt < before) this.#end(session);
  }
}

function tooMany(): Refusal {
  return new Refusal(429, "too many MCP sessions are open; close one", { retryAfterSecs: 10 });
}
