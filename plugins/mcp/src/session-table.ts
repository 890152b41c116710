import { randomUUID } from "node:crypto";
import { type Fields, isFields } from "@claudeway/chat";
import { type Caller, type PluginScope, Refusal } from "@claudeway/core";
import { loadSdk } from "./sdk.js";
import type { ServerParts } from "./server.js";
import { McpSession, type RequestId } from "./session.js";
import type { SharedSessions } from "./shared-sessions.js";

/** Sessions of all keys together. */
const MAX_TOGETHER = 1000;
const SWEEP_MS = 60_000;

export interface SessionTableOptions {
  readonly maxPerKey: number;
  readonly idleMs: number;
  /** Where other gateways may get the requests of a session, too. */
  readonly shared?: SharedSessions | undefined;
  readonly log: PluginScope["log"];
}

/**
 * The protocol sessions of all clients. They are in memory: after a restart, clients begin new ones. Of several gateways, each
 * has those that it was asked for.
 */
export class SessionTable {
  readonly #sessions = new Map<string, McpSession>();
  /** Sessions of other gateways that are about to be known here. */
  readonly #adopting = new Map<string, Promise<McpSession>>();
  readonly #sweeping: NodeJS.Timeout;
  #closed = false;

  constructor(
    private readonly parts: ServerParts,
    private readonly options: SessionTableOptions,
  ) {
    // Several times before a record of a session that is answering would expire.
    this.#sweeping = setInterval(() => this.#sweep(), Math.min(SWEEP_MS, options.idleMs / 4));
    this.#sweeping.unref();
  }

  /** The session, if it is the caller's. That of another key looks as if it did not exist. */
  async find({ keyId }: Caller, id: string): Promise<McpSession> {
    const { shared } = this.options;
    const isShared = shared !== undefined && (await shared.has(id, keyId));
    const session = this.#sessions.get(id);
    if (isShared) return this.#adopting.get(id) ?? session ?? this.#adopt(id, keyId);
    if (session?.keyId === keyId) {
      if (shared === undefined) return session;
      // It was ended at another gateway; a call that is being answered may have cost something.
      if (session.calls === 0) await this.#close(session);
    }
    throw new Refusal(404, "no such MCP session; initialize a new one");
  }

  /** Makes a session, which may end the longest unused one of its key. */
  async begin({ keyId }: Caller): Promise<McpSession> {
    await this.#makeRoom(keyId);
    const session = await this.#make(randomUUID(), keyId);
    try {
      await session.open();
      if ((await this.options.shared?.add(session.id, keyId)) === false) throw tooMany();
    } catch (error) {
      await this.#close(session);
      throw error;
    }
    return session;
  }

  /** Ends the longest unused sessions of the key at all gateways, so that it may have one more. Throws if all are in use. */
  async #makeRoom(keyId: string): Promise<void> {
    const { shared, maxPerKey } = this.options;
    const ids = (await shared?.idsOf(keyId)) ?? [];
    let surplus = ids.length + 1 - maxPerKey;
    const isUnused = (id: string) => !this.#sessions.get(id)?.calls;
    const unused = ids.filter(isUnused);
    if (unused.length < surplus) throw tooMany();
    for (const id of unused) {
      if (surplus <= 0) return;
      // A request may begin on it while others are deleted, and while it is itself.
      if (!isUnused(id)) continue;
      await shared?.delete(id, keyId);
      surplus--;
      const session = this.#sessions.get(id);
      if (session?.calls === 0) await this.#close(session);
    }
    if (surplus > 0) throw tooMany();
  }

  /** Two requests that arrive together get the same session. */
  #adopt(id: string, keyId: string): Promise<McpSession> {
    const adopting = this.#adoptNew(id, keyId).finally(() => this.#adopting.delete(id));
    this.#adopting.set(id, adopting);
    return adopting;
  }

  async #adoptNew(id: string, keyId: string): Promise<McpSession> {
    let session: McpSession | undefined;
    try {
      session = await this.#make(id, keyId);
      await session.adopt();
      return session;
    } catch (error) {
      if (session === undefined) this.options.shared?.forget(id);
      else await this.#close(session);
      throw error;
    }
  }

  async #make(id: string, keyId: string): Promise<McpSession> {
    const sdk = await loadSdk();
    const own = [...this.#sessions.values()].filter((session) => session.keyId === keyId);
    if (own.length >= this.options.maxPerKey) this.#endUnused(own);
    if (this.#sessions.size >= MAX_TOGETHER) this.#endUnused(this.#sessions.values());
    if (this.#closed) throw tooMany();
    const session = new McpSession(sdk, this.parts, { id, keyId });
    this.#sessions.set(id, session);
    return session;
  }

  /** The client does not want an answer any more, whichever gateway is giving it. */
  async cancel(session: McpSession, requestId: RequestId): Promise<void> {
    if (!(await session.cancel(requestId))) await this.options.shared?.cancel(session, requestId);
  }

  /** Cancels the request if another gateway is told to, until the signal aborts. */
  async watch(session: McpSession, requestId: RequestId, signal: AbortSignal): Promise<void> {
    await this.options.shared?.watch(session.id, requestId, signal, async () => {
      await session.cancel(requestId);
    });
  }

  /** Whether a request changes nothing, so that its client may send it again. */
  isRepeatable({ method, params }: Fields): boolean {
    const name = isFields(params) ? params["name"] : undefined;
    const tool = this.parts.tools.find((one) => one.name === name);
    return method !== "tools/call" || tool?.readOnly === true;
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

  /** Ends a session here; another gateway may have it, too. */
  #end(session: McpSession): void {
    this.#close(session).catch((error: unknown) => {
      this.options.log.warn({ err: error }, "a session of an MCP client could not be closed");
    });
  }

  /** Ends a session, at all gateways. */
  async end(session: McpSession): Promise<void> {
    await this.options.shared?.delete(session.id, session.keyId);
    await this.#close(session);
  }

  async #close(session: McpSession): Promise<void> {
    this.#sessions.delete(session.id);
    this.options.shared?.forget(session.id);
    await session.close();
  }

  /** Closes all sessions: those that are answering, whose turns outlive a reload, once they have answered. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeping);
    const sessions = [...this.#sessions.values()];
    for (const session of sessions) session.onUnused(() => this.#end(session));
    await Promise.all(sessions.filter(({ calls }) => calls === 0).map((session) => this.#close(session)));
  }

  #sweep(): void {
    const before = Date.now() - this.options.idleMs;
    for (const session of this.#sessions.values()) {
      if (session.calls > 0) this.#keep(session);
      else if (session.usedAt < before) this.#end(session);
    }
  }

  /** A session that is answering counts as used, at all gateways. */
  #keep({ id, keyId }: McpSession): void {
    const { shared, log } = this.options;
    const kept = shared?.has(id, keyId).then(() => {
      // It may have been closed meanwhile.
      if (!this.#sessions.has(id)) shared.forget(id);
    });
    kept?.catch((error: unknown) => log.warn({ err: error }, "a session of an MCP client could not be kept"));
  }
}

function tooMany(): Refusal {
  return new Refusal(429, "too many MCP sessions are open; close one", { retryAfterSecs: 10 });
}
