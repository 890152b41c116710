import {
  type ConversationPage,
  type ConversationRef,
  type ConversationTurn,
  type Engine,
  GatewayError,
  type HistoryMessage,
  type Ledger,
  type PageQuery,
  type PromptText,
  retryLater,
  type SessionRecord,
  type SpawnPlan,
  type TurnRecord,
} from "@claudeway/ports";
import type { SessionMessages, ConversationTurn as TurnView } from "@claudeway/schemas";

export interface HistoryParts {
  readonly engine: Pick<Engine, "conversations">;
  readonly ledger: Pick<Ledger, "turns" | "sessions">;
  /** The launch spec of the CLI in a folder, which determines where its transcripts are. */
  readonly spawn: (workdir: string, keyId: string) => Promise<SpawnPlan>;
}

/** How many transcripts may be read at once, in all and of one key: each is read from its beginning. */
const MAX_READS = 8;
const MAX_READS_PER_KEY = 4;
/** The size of a page of the ledger, and the number of pages searched for the turns of a page of messages. */
const LEDGER_PAGE = 1000;
const MAX_LEDGER_PAGES = 20;
/** How long the CLI may begin a turn by itself before the gateway receives its first message, in ms. */
const HEARD_LATE_MS = 2000;

/** The conversations of sessions, read from the CLI's own transcripts: the gateway stores no prompts. */
export class SessionHistory {
  /** The key of each transcript that is being read. */
  readonly #reading: string[] = [];

  constructor(private readonly parts: HistoryParts) {}

  /** One page of a session's conversation, the latest turn first. */
  async messages(session: SessionRecord, query: PageQuery): Promise<SessionMessages> {
    const { conversations } = this.parts.engine;
    const found = await this.#read(session, async () =>
      conversations === undefined ? "unreadable" : conversations.read(await this.refOf(session), query),
    );
    const { id: session_id } = session;
    if (typeof found === "string") {
      const nothingYet = found === "missing" && session.cliTotals === undefined;
      return { session_id, transcript: nothingYet ? "none" : found, turns: [], total: 0, ...query };
    }
    const turns = await this.#viewsOf(session.id, found.turns);
    return { session_id, transcript: "found", turns, total: found.total, ...query };
  }

  /** The prompts of a session's turns, as far as they can be found. */
  async prompts(
    session: SessionRecord,
    turnIds: readonly string[],
  ): Promise<ReadonlyMap<string, PromptText>> {
    const { conversations } = this.parts.engine;
    if (conversations === undefined || turnIds.length === 0) return new Map();
    return this.#read(session, async () =>
      conversations.prompts(await this.refOf(session), new Set(turnIds)),
    );
  }

  /** The id of a turn's prompt in the session's conversation. Undefined: the turn is not in it. */
  async promptIdOf(session: SessionRecord, turnId: string): Promise<string | undefined> {
    const { conversations } = this.parts.engine;
    const turn = await this.parts.ledger.turns.get(turnId);
    if (conversations === undefined || turn?.sessionId !== session.id) return undefined;
    const turns = await this.#read(session, async () => conversations.outline(await this.refOf(session)));
    if (typeof turns === "string") return undefined;
    const own = turns.filter(({ forked }) => !forked);
    return (own.find(({ promptId }) => promptId === turnId) ?? own.find((other) => isAt(turn, other)))
      ?.promptId;
  }

  /** Writes the conversation that a new session begins with. */
  async begin(
    { id, workdir, keyId }: Pick<SessionRecord, "id" | "workdir" | "keyId">,
    messages: readonly HistoryMessage[],
  ): Promise<void> {
    const conversation = { session: id, spawn: await this.parts.spawn(workdir, keyId) };
    if ((await this.parts.engine.conversations?.create(conversation, messages)) === "created") return;
    throw new GatewayError("CONFLICT", "the gateway can't write a transcript for the CLI to resume");
  }

  /** Stores the conversation that a session begins with for other nodes. If that fails, the session is deleted. */
  async save(conversation: ConversationRef): Promise<void> {
    try {
      await this.parts.engine.conversations?.save?.(conversation);
    } catch (error) {
      await this.parts.ledger.sessions.delete(conversation.session, new Date().toISOString());
      throw error;
    }
  }

  /** The CLI's own id of the session's conversation, and its location. */
  async refOf({ id, keyId, workdir, cliTotals }: SessionRecord): Promise<ConversationRef> {
    return { session: cliTotals?.session ?? id, of: id, spawn: await this.parts.spawn(workdir, keyId) };
  }

  /** Throws UNAVAILABLE while too many are being read. */
  async #read<T>({ keyId }: SessionRecord, read: () => Promise<T>): Promise<T> {
    const own = this.#reading.filter((key) => key === keyId);
    if (own.length >= MAX_READS_PER_KEY || this.#reading.length >= MAX_READS) {
      throw retryLater("too many conversations are being read at once; try again", 1);
    }
    this.#reading.push(keyId);
    try {
      return await read();
    } finally {
      this.#reading.splice(this.#reading.indexOf(keyId), 1);
    }
  }

  async #viewsOf(sessionId: string, turns: ConversationPage["turns"]): Promise<TurnView[]> {
    const ids = new Map<ConversationTurn, string>();
    for (const turn of turns) {
      const known = await this.parts.ledger.turns.get(turn.promptId);
      if (known?.sessionId === sessionId) ids.set(turn, known.id);
    }
    await this.#matchByTime(sessionId, turns, ids);
    return turns.map((turn) => {
      const { at: created_at, origin, forked, messages, truncated } = turn;
      return {
        turn_id: ids.get(turn) ?? null,
        origin,
        created_at,
        ...(forked && { forked }),
        messages: [...messages],
        ...(truncated && { truncated }),
      };
    });
  }

  /** Turns that the CLI began by itself, and prompts with their own ids, are matched by time. */
  async #matchByTime(
    sessionId: string,
    turns: ConversationPage["turns"],
    ids: Map<ConversationTurn, string>,
  ): Promise<void> {
    const open = turns.filter((turn) => !turn.forked && !ids.has(turn)).toReversed();
    const [oldest] = open;
    if (oldest === undefined) return;
    const taken = new Set(ids.values());
    const known = (await this.#turnsSince(sessionId, oldest.at)).filter(({ id }) => !taken.has(id));
    for (const turn of open) {
      const at = known.findIndex((candidate) => isAt(candidate, turn));
      const [match] = at === -1 ? [] : known.splice(at, 1);
      if (match !== undefined) ids.set(turn, match.id);
    }
  }

  /** The session's turns that had not ended at that time, ordered by their end. */
  async #turnsSince(sessionId: string, at: string): Promise<TurnRecord[]> {
    const found: TurnRecord[] = [];
    for (let page = 1; page <= MAX_LEDGER_PAGES; page++) {
      const { turns } = await this.parts.ledger.turns.listBySession(sessionId, { page, limit: LEDGER_PAGE });
      found.push(...turns.filter((turn) => turn.ended?.end !== "refused" && endOf(turn) >= Date.parse(at)));
      const last = turns.at(-1);
      if (turns.length < LEDGER_PAGE || (last !== undefined && endOf(last) < Date.parse(at))) break;
    }
    return found.sort((a, b) => endOf(a) - endOf(b));
  }
}

/** Whether a turn was running when the CLI recorded this prompt. */
function isAt(turn: TurnRecord, { at, origin }: ConversationTurn): boolean {
  const time = Date.parse(at);
  const slack = origin === "background" ? HEARD_LATE_MS : 0;
  return (
    (turn.origin ?? "prompt") === origin && Date.parse(turn.createdAt) <= time + slack && endOf(turn) >= time
  );
}

function endOf({ ended }: TurnRecord): number {
  return ended === undefined ? Number.POSITIVE_INFINITY : Date.parse(ended.at);
}
