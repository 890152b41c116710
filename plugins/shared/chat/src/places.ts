import type { PluginStore, StoreEntry } from "@claudeway/core";

/** Where a conversation stands: the end of a turn of a session. */
export interface Place {
  readonly sessionId: string;
  readonly turnId: string;
}

export interface PlaceLimits {
  /** How many sessions are kept. */
  readonly maxSessions: number;
  /** How long a session is kept after its last turn, in ms. */
  readonly maxAgeMs: number;
}

/** A session of a chat, as it is stored. */
export interface ChatSession {
  readonly keyId: string;
  /** The model of its turns. On a live process, another one would leave a note in the conversation. */
  readonly model: string;
  /** The turn that it ended with; null while a turn runs, and for good if that failed: then it can only be forked. */
  readonly last: string | null;
  /** When its last turn ended, in ms since 1970. */
  readonly used: number;
  /** The digests that lead to its turns, oldest first. */
  readonly hashes: readonly string[];
}

/** Digests that are kept of one session; a conversation that is edited before them begins a new session. */
const MAX_HASHES = 90;

/**
 * Which conversation stands where: from digests of histories to turns of sessions. It is in the ledger, so that it
 * survives restarts, and of two requests with one history only one goes on in the session.
 */
export class ChatPlaces {
  constructor(
    private readonly store: PluginStore,
    private readonly limits: PlaceLimits,
    private readonly now: () => number = Date.now,
  ) {}

  async find(hash: string): Promise<Place | undefined> {
    return placeIn((await this.store.get(placeKey(hash)))?.value);
  }

  /**
   * Reserves the session for a turn. `busy`: it has gone on since, a turn runs in it, or it has another model. `gone`: it is
   * not known any more.
   */
  async claim({ sessionId, turnId }: Place, model: string): Promise<"claimed" | "busy" | "gone"> {
    const entry = await this.store.get(sessionKey(sessionId));
    const session = sessionIn(entry);
    if (entry === undefined || session === undefined) return "gone";
    if (session.last !== turnId || session.model !== model) return "busy";
    const claimed = { ...session, last: null };
    const { ok } = await this.store.set(sessionKey(sessionId), claimed, { expected: entry.version });
    return ok ? "claimed" : "busy";
  }

  /** Notes a session whose first turn begins, so that it is ended one day. False: the plugin's part of the ledger is full. */
  async begin(sessionId: string, keyId: string, model: string): Promise<boolean> {
    const session: ChatSession = { keyId, model, last: null, used: this.now(), hashes: [] };
    return (await this.store.set(sessionKey(sessionId), session)).ok;
  }

  /**
   * Notes that the session stands at the end of a turn, which conversations with these digests have reached. False: the
   * plugin's part of the ledger is full, or was when the session began.
   */
  async reach({ sessionId, turnId }: Place, hashes: readonly string[]): Promise<boolean> {
    const before = sessionIn(await this.store.get(sessionKey(sessionId)));
    if (before === undefined) return false;
    const all = [...before.hashes.filter((hash) => !hashes.includes(hash)), ...hashes];
    const dropped = all.splice(0, Math.max(0, all.length - MAX_HASHES));
    const session: ChatSession = { ...before, last: turnId, used: this.now(), hashes: all };
    const { ok } = await this.store.write([
      { key: sessionKey(sessionId), value: session },
      ...hashes.map((hash) => ({
        key: placeKey(hash),
        value: { sessionId, turnId },
        ttlMs: this.limits.maxAgeMs,
      })),
      ...dropped.map((hash) => ({ key: placeKey(hash), delete: true as const })),
    ]);
    return ok;
  }

  /** Gives a claim back: the turn that it was for has not begun. */
  async release({ sessionId, turnId }: Place): Promise<void> {
    const entry = await this.store.get(sessionKey(sessionId));
    const session = sessionIn(entry);
    if (entry === undefined || session === undefined) return;
    await this.store.set(sessionKey(sessionId), { ...session, last: turnId }, { expected: entry.version });
  }

  /** Forgets a session and what leads to it. */
  async forget(sessionId: string): Promise<void> {
    const session = sessionIn(await this.store.get(sessionKey(sessionId)));
    for (const hash of session?.hashes ?? []) {
      // Another session may have reached the same history since.
      const place = await this.store.get(placeKey(hash));
      if (place !== undefined && placeIn(place.value)?.sessionId === sessionId)
        await this.store.delete(place.key, { expected: place.version });
    }
    await this.store.delete(sessionKey(sessionId));
  }

  /** The sessions that are too old or too many, the longest unused first. */
  async outdated(): Promise<readonly { readonly sessionId: string; readonly keyId: string }[]> {
    const sessions = await this.#all();
    sessions.sort((one, other) => one.used - other.used);
    const oldest = this.now() - this.limits.maxAgeMs;
    const surplus = sessions.length - this.limits.maxSessions;
    return sessions.filter(({ used }, index) => used < oldest || index < surplus);
  }

  async #all() {
    const found: { sessionId: string; keyId: string; used: number }[] = [];
    let after: string | undefined;
    do {
      const page = await this.store.list(SESSION, after === undefined ? {} : { after });
      for (const entry of page.entries) {
        const session = sessionIn(entry);
        // An entry of another version of this package is ended like an old one.
        const { keyId = "", used = 0 } = session ?? {};
        found.push({ sessionId: entry.key.slice(SESSION.length), keyId, used });
      }
      after = page.next;
    } while (after !== undefined);
    return found;
  }
}

const SESSION = "s/";
const sessionKey = (sessionId: string) => `${SESSION}${sessionId}`;
const placeKey = (hash: string) => `h/${hash}`;

function sessionIn(entry: StoreEntry | undefined): ChatSession | undefined {
  const { keyId, model, last, used, hashes } = fieldsOf(entry?.value);
  if (
    typeof keyId !== "string" ||
    typeof model !== "string" ||
    typeof used !== "number" ||
    !Array.isArray(hashes)
  )
    return undefined;
  if (typeof last !== "string" && last !== null) return undefined;
  return { keyId, model, last, used, hashes: hashes.filter((hash) => typeof hash === "string") };
}

function placeIn(value: unknown): Place | undefined {
  const { sessionId, turnId } = fieldsOf(value);
  return typeof sessionId === "string" && typeof turnId === "string" ? { sessionId, turnId } : undefined;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
