import type { Tokens, TurnResponse } from "@claudeway/schemas";
import type {
  Approval,
  ApprovalFilter,
  ApprovalPage,
  ApprovalStatus,
  DecisionRecord,
  GrantFilter,
  GrantPage,
  SessionGrant,
} from "./approvals.js";
import type { AuditBook } from "./audit.js";
import type { Claim } from "./claim.js";
import type { KeyPlaceBook, NewOwner, NodeBook, NodeStart } from "./cluster.js";
import type { BackgroundTask, ChildNote, LostTask, SessionTotals } from "./engine.js";
import type { TurnOptions } from "./options.js";
import type { PageQuery } from "./page.js";
import type { PluginStoreBook } from "./plugin-store.js";
import type { QuotaBook } from "./quota.js";
import type { Transcripts } from "./transcripts.js";
import type { Instant, NewTurn, TurnRecord } from "./turn-record.js";
import type { ParkedTurn, ProcessStart, TurnEnd, TurnInfo, TurnOutcome, TurnUsage } from "./turns.js";

/*
 * The gateway's persistent state: sessions, turns, costs, approvals, idempotency keys, and state of plugins. A method
 * resolves when its change would survive a kill of the gateway. Every method rejects with a LedgerError if the ledger is
 * closed or its storage fails.
 *
 * How a cost is recorded: the engine reports a `TurnUsage`; `prices.price` adds learned prices where the CLI reported
 * none; `turns.end` adds the result to the totals of the session, the key, the model and the period, in one
 * transaction. `turns.park` adds what a turn used before it parked; its end then adds the rest.
 */

export interface Ledger {
  /** True: the previous gateway did not close the ledger. It was killed, or the machine went down. */
  readonly afterCrash: boolean;
  readonly sessions: SessionBook;
  readonly turns: TurnBook;
  readonly totals: TotalsBook;
  readonly prices: PriceBook;
  readonly idempotency: IdempotencyBook;
  readonly approvals: ApprovalBook;
  readonly pluginStore: PluginStoreBook;
  readonly quota: QuotaBook;
  /** Used in a cluster only: conversations that nodes share. */
  readonly transcripts: Transcripts;
  readonly nodes: NodeBook;
  /** Used in a cluster only: turns of keys with a limit over all nodes. */
  readonly keyPlaces: KeyPlaceBook;
  /** Read in a cluster only, where no machine has the audit files of all. */
  readonly audit: AuditBook;
  /** Rejects with a LedgerError if the storage that was opened is no longer there. */
  checkFile(): Promise<void>;
  /** Releases the storage, so that another gateway may open it. A second call does nothing. */
  close(): Promise<void>;
}

/** What a number of turns used. */
export interface Totals {
  readonly tokens: Tokens;
  /** USD: the sum over the turns whose price is known. */
  readonly costUsd: number;
  /** How many of the turns have an estimated usage, see `TurnUsage`. Counted by main model. */
  readonly estimated: number;
  /**
   * How many of the turns are missing from `costUsd`, wholly or in part, for lack of a price. Counted by main model.
   */
  readonly unpriced: number;
}

export interface ModelTotalsRow extends Totals {
  readonly model: string;
  /** Turns whose main model this is. Over all models these add up to the number of turns. */
  readonly requests: number;
  /** Turns that used this model at all, including in a subagent. */
  readonly turns: number;
}

// ---- sessions

export interface NewSession {
  /** The gateway's id of the session; also the CLI's, until `/clear`. */
  readonly id: string;
  readonly keyId: string;
  /** A one-shot task has a session too, which lists leave out. */
  readonly kind: "session" | "task";
  /** A name or alias, passed to the CLI unchanged. */
  readonly model: string;
  readonly systemPrompt: string | undefined;
  /** Default options of its turns. */
  readonly options?: TurnOptions | undefined;
  /** Absolute path. */
  readonly workdir: string;
  /** True: lists leave the session out. */
  readonly hidden?: boolean | undefined;
  /** True: the gateway made the workdir and removes it with the session. */
  readonly ownsWorkdir: boolean;
  readonly createdAt: Instant;
  /** Set for a session that begins with a copy of another one's conversation. */
  readonly cliTotals?: SessionTotals | undefined;
}

export interface SessionRecord extends NewSession {
  /** What its owner called it. */
  readonly title?: string | undefined;
  readonly lastUsed: Instant;
  /** Turns that began, including a running one. */
  readonly taskCount: number;
  /** Over the turns that ended. */
  readonly totals: Totals;
  /** The cumulative totals that the session's CLI last reported. */
  readonly cliTotals: SessionTotals | undefined;
}

export interface SessionFilter {
  readonly keyId?: string | undefined;
  readonly model?: string | undefined;
  /** Pairs that turns of the session carry, each at least one turn. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The beginning of the id, at least four characters, so that few sessions have to be examined. */
  readonly idPrefix?: string | undefined;
}

export interface SessionPage extends PageQuery {
  readonly sessions: readonly SessionRecord[];
  /** How many sessions match, on all pages. */
  readonly total: number;
}

/** What an owner changes of a session; what is not set stays. Null removes it. */
export interface SessionChanges {
  readonly title?: string | null | undefined;
  readonly model?: string | undefined;
  readonly systemPrompt?: string | null | undefined;
  readonly options?: TurnOptions | undefined;
}

/** The epoch of a claim. A write that names one rejects with a FencedError if it is not the session's. */
export type Epoch = Pick<Claim, "epoch">;

export interface SessionBook {
  /**
   * Rejects if the id exists, even for a deleted session. With an owner, the session is its own from the beginning, under
   * epoch 0; rejects with a FencedError if that start does not live.
   */
  create(session: NewSession, at?: NewOwner): Promise<void>;
  /** Undefined if the session does not exist or was deleted. */
  get(id: string): Promise<SessionRecord | undefined>;
  /** Newest first, without tasks and deleted sessions. */
  list(query: SessionFilter & PageQuery): Promise<SessionPage>;
  /** The sessions of one-shot tasks, newest first. */
  tasks(query: Pick<SessionFilter, "keyId" | "metadata"> & PageQuery): Promise<SessionPage>;
  /**
   * False if the session does not exist or was deleted before. Its turns and all totals are kept, and a running turn
   * may still end.
   */
  delete(id: string, at: Instant): Promise<boolean>;
  /** If a turn ends at the same moment, pass the totals to `turns.end` instead, for a single transaction. */
  setCliTotals(id: string, totals: SessionTotals, claim: Epoch): Promise<void>;
  /**
   * Sets the model of the session's further turns. If a turn ends at the same moment, use `TurnEnding.model` instead.
   */
  setModel(id: string, model: string, claim: Epoch): Promise<void>;
  /** Records what the CLI runs in the session's background now. */
  setBackground(id: string, running: readonly BackgroundTask[], claim: Epoch): Promise<void>;
  /** Adds background work that was stopped, for the session's next answer to report. */
  addLost(id: string, lost: readonly LostTask[], claim: Epoch): Promise<void>;
  /** Stopped background work that no answer has reported yet. */
  lost(id: string): Promise<readonly LostTask[]>;
  /** Removes tasks that an answer has reported: the first entries of `lost`. */
  forgetLost(id: string, reported: readonly LostTask[], claim: Epoch): Promise<void>;
  /**
   * Marks as lost what a killed gateway left running in the background: of this session, which the caller has claimed, or of
   * all that no living node has. On one machine, called right after opening.
   */
  loseBackground(
    id?: string,
  ): Promise<readonly { readonly id: string; readonly lost: readonly LostTask[] }[]>;
  /**
   * Called right after a crash. The ids of sessions with usage that no turn was charged for (see `SessionTotals`), and that no
   * living node has.
   */
  uncharged(): Promise<readonly string[]>;
  /** Changes a session for its further turns. */
  update(id: string, changes: SessionChanges): Promise<void>;
  /** The distinct models of the sessions that `list` shows, sorted. */
  models(): Promise<readonly string[]>;
  /** The session's totals by model; empty if the session does not exist. */
  byModel(id: string): Promise<readonly ModelTotalsRow[]>;
}

// ---- turns

export interface TurnPage extends PageQuery {
  readonly turns: readonly TurnRecord[];
  readonly total: number;
}

/** Which turns a search looks for; what is not set does not matter. */
export interface TurnQuery {
  readonly keyId?: string | undefined;
  /** The model that answered, else the requested one. */
  readonly model?: string | undefined;
  readonly kind?: "session" | "task" | undefined;
  /** `open`: it has not ended. */
  readonly end?: TurnEnd | "open" | undefined;
  readonly minCostUsd?: number | undefined;
  readonly minDurationMs?: number | undefined;
  /** Begun at this time or later. */
  readonly since?: Instant | undefined;
  /** Begun before this time. */
  readonly until?: Instant | undefined;
  /** Pairs that the turn carries. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Text in its answer or error, in any case. */
  readonly text?: string | undefined;
  /** Where an earlier search stopped. */
  readonly before?: number | undefined;
  /** At most 1000. */
  readonly limit: number;
}

export interface TurnSearchPage {
  /** Latest first. */
  readonly turns: readonly TurnRecord[];
  /**
   * Where to continue: there are older turns that were not examined. A search examines a bounded number of turns, so a
   * page may have fewer than `limit`, or none, and still not be the last.
   */
  readonly before: number | undefined;
}

/** A time range of at most 24 hours. */
export interface StatisticsRange {
  /** Turns begun at this time or later. */
  readonly since: Instant;
  /** Turns begun before this time. */
  readonly until: Instant;
}

/** How many turns took how long, shortest first. Times are rounded to within 5 %. */
export type Histogram = readonly (readonly [ms: number, turns: number])[];

/** What became of the turns that were begun in a range. */
export interface TurnStatistics {
  readonly turns: number;
  /** Turns that have not ended. */
  readonly open: number;
  readonly ends: Readonly<Partial<Record<TurnEnd, number>>>;
  /** Of the turns that reached a process, since this is recorded. */
  readonly processes: Readonly<Partial<Record<ProcessStart, number>>>;
  readonly tokens: Tokens;
  /** USD: the sum over the turns whose price is known. */
  readonly costUsd: number;
  /** How many of the turns are missing from `costUsd`, wholly or in part, for lack of a price. */
  readonly unpriced: number;
  /** By the model that answered, else the requested one. */
  readonly byModel: readonly ({ readonly model: string; readonly turns: number } & Pick<
    Totals,
    "costUsd" | "unpriced"
  >)[];
  /** Time before the turn ran. Like the others, without turns that were refused or lost. */
  readonly queuedMs: Histogram;
  /** From the start of the engine's work to the first output of the model, since this is recorded. */
  readonly firstTokenMs: Histogram;
  /** From the request to the end. */
  readonly wholeMs: Histogram;
}

export interface TurnEnding {
  readonly at: Instant;
  /** The session's CLI totals as of this end, if they changed. */
  readonly cliTotals?: SessionTotals | undefined;
  /** The model for the session's further turns, if it changed. */
  readonly model?: string | undefined;
  /** For a turn that was parked: its usage since then. Earlier usage is already recorded. */
  readonly sinceParked?: TurnUsage | undefined;
  /** The process that ran the turn, if it was not noted before. */
  readonly process?: ChildNote | undefined;
}

/** What is recorded when a turn parks: it then waits for a person or a usage limit, without being run. */
export interface TurnParking extends Pick<TurnEnding, "at" | "cliTotals"> {
  readonly parked: ParkedTurn;
  /** The turn's usage since it began, or since it was last parked. */
  readonly usage: TurnUsage;
  /** The model that answered, if known; otherwise the requested model. */
  readonly model: string;
}

export interface TurnLoss {
  readonly at: Instant;
  /** What the turn used since it was last parked, as far as it is known better than from what was recorded. */
  readonly usage?: TurnUsage | undefined;
  /** Makes the answer to store from what was delivered. */
  respond(turn: TurnRecord): TurnResponse;
  /** Makes the session's CLI totals as of this end from what was delivered since the turn was last parked. */
  totalsAfter?(delivered: TurnUsage): SessionTotals;
}

/**
 * Writes of a turn compare the epoch that the turn was begun or adopted under with that of its session, and reject with a
 * FencedError if the session has changed hands since.
 */
export interface TurnBook {
  /**
   * Records a new turn. Rejects if the id exists or the session never existed. The turn is of the session's epoch and owner.
   * One that the CLI began by itself is running already, so its beginning may be recorded again: that changes nothing.
   *
   * @param key under which the turn was asked for; rejects with NotBegun if that is another turn's by now
   */
  begin(turn: NewTurn, claim: Epoch, key?: IdempotencyClaim): Promise<void>;
  /** Replaces the usage so far of a running turn, and notes its process if given. Does nothing after its end. */
  recordUsage(turnId: string, usage: TurnUsage, child?: ChildNote): Promise<void>;
  /**
   * Records a turn's end, its answer, all totals and the session's CLI totals in one transaction. The first end counts:
   * false means that the turn had ended before and nothing was changed. The same end once more, with its time, is true again:
   * its answer may have been lost. Rejects if the turn does not exist.
   */
  end(turnId: string, outcome: TurnOutcome, ending: TurnEnding): Promise<boolean>;
  /**
   * Records the turn's usage so far and parks it with its approval, in one transaction. The turn stays open and counts
   * as a request when it ends. Rejects if the turn has ended.
   */
  park(turnId: string, parking: TurnParking): Promise<void>;
  /**
   * Called when the CLI has asked about the parked call again, before it gets the answer. The turn counts as running
   * from now on, so a gateway that is killed loses it. The call stays unresolved until the CLI has come to a result.
   */
  unpark(turnId: string): Promise<void>;
  /** Makes a turn that was parked one of the session's epoch and owner, so that it can be resumed or ended. */
  adopt(turnId: string, claim: Epoch): Promise<void>;
  /** Parked turns, oldest first, of one session or of all. */
  parked(sessionId?: string): Promise<readonly TurnRecord[]>;
  /**
   * Ends a turn that was running when a gateway was killed. Records what was delivered as estimated usage, at the
   * learned price. Undefined if the turn had ended before.
   */
  markLost(turnId: string, lost: TurnLoss): Promise<TurnRecord | undefined>;
  get(turnId: string): Promise<TurnRecord | undefined>;
  /** The answer of a turn that has ended or is parked. */
  response(turnId: string): Promise<TurnResponse | undefined>;
  /** Searches the turns of all sessions and tasks, latest first. */
  search(query: TurnQuery): Promise<TurnSearchPage>;
  /** Reads the turns of the range, a few microseconds for each. */
  statistics(range: StatisticsRange): Promise<TurnStatistics>;
  /** Latest first. */
  listBySession(sessionId: string, query: PageQuery): Promise<TurnPage>;
  /** Turns that have not ended and are not parked, oldest first, of all nodes or of one start. */
  running(of?: NodeStart): Promise<readonly TurnRecord[]>;
  /**
   * The turn that ended last and those that ended within `withinMs` before it, in the order of their ends; of all turns, or
   * of those that this node ran. Scans all turns.
   */
  endedLast(withinMs: number, node?: string): Promise<readonly TurnRecord[]>;
}

// ---- totals

export interface Overview extends Totals {
  /** Turns that ended. */
  readonly requests: number;
  /** Most expensive first. */
  readonly byModel: readonly ModelTotalsRow[];
}

export interface KeyTotals extends Totals {
  readonly keyId: string;
  readonly requests: number;
  readonly lastUsed: Instant;
}

export type CostGrouping = "daily" | "weekly" | "monthly";

export interface CostPeriod extends Totals {
  /**
   * UTC: `2026-03-12`, an ISO week `2026-W11`, or `2026-03`. A turn counts in the period in
   * which it ended; what it used before it parked, in the period in which it parked.
   */
  readonly period: string;
  readonly requests: number;
  /** Most expensive first. */
  readonly byModel: readonly ModelTotalsRow[];
  /** Most expensive first. */
  readonly byKey: readonly KeyCost[];
}

export interface KeyCost {
  readonly keyId: string;
  readonly requests: number;
  /** USD: the sum over the turns whose price is known. */
  readonly costUsd: number;
  /** As in `Totals`. */
  readonly unpriced: number;
}

/** Running sums that are updated as turns end. The cost of reading them does not depend on the number of turns. */
export interface TotalsBook {
  overview(): Promise<Overview>;
  /** The totals of every key that has ended a turn, by id. */
  byKey(): Promise<readonly KeyTotals[]>;
  /** The latest `limit` periods that have turns (default: 30 days, 26 weeks or 24 months), oldest first. */
  costs(groupBy: CostGrouping, limit?: number): Promise<readonly CostPeriod[]>;
}

// ---- prices

export interface PriceBook {
  /** USD at the price learned from the model's earlier turns; null if there are none. */
  estimateCost(model: string, tokens: Tokens): Promise<number | null>;
  /**
   * The usage with a learned price for every model's share that has none. `costUsd` stays null if a price is not known.
   *
   * @param beside more usage of the same turn; prices that the CLI reported in it are learned from, too
   */
  price(usage: TurnUsage, beside?: TurnUsage): Promise<TurnUsage>;
  /**
   * Reports turns that ended without a cost, once the price of their model is learned from another turn's end: each once, of
   * the latest 10,000 turns. Replaces an earlier listener.
   */
  onPriced(listener: (turn: TurnInfo, usage: TurnUsage) => void): void;
}

// ---- idempotency

export interface IdempotencyClaim {
  readonly keyId: string;
  /** The route with its parameters filled in: an idempotency key is valid for one route. */
  readonly route: string;
  readonly idempotencyKey: string;
  /** Any digest of the body. */
  readonly bodyHash: string;
  /** The turn that the request will begin. */
  readonly turnId: string;
}

/** The turn of an earlier request with the same key. */
export interface ClaimedTurn {
  readonly turnId: string;
  /** In a cluster: the start of the node that claimed the key. */
  readonly by?: NodeStart | undefined;
}

export interface IdempotencyBook {
  /**
   * "new": begin the turn. A turn: the same request came within the last 24 h and began that one. "conflict": the key
   * was used with another body. A claim whose turn never began because the gateway was killed is dropped.
   *
   * @param by in a cluster: the start of the node that will begin the turn
   * @param begins whether the caller runs this turn, or is about to begin it. Its own claims are dropped if it does not, and their
   * turn never began: it could not give them back
   */
  claim(
    claim: IdempotencyClaim,
    by?: NodeStart,
    begins?: (turnId: string) => boolean,
  ): Promise<"new" | "conflict" | ClaimedTurn>;
  /** Gives back a claim whose turn was never begun, for example because the queue was full. */
  release(claim: IdempotencyClaim): Promise<void>;
  /** Points the claim at another turn that the request turned out to belong to: repeats are answered with that turn. */
  redirect(claim: IdempotencyClaim, turnId: string): Promise<void>;
}

// ---- approvals

/** Requests for a person's decision, and grants for the rest of a session. */
export interface ApprovalBook {
  /** Records a pending request. Rejects if this call of the session was asked about before. */
  ask(approval: Approval): Promise<void>;
  /**
   * Settles a pending request. The first call counts: false means that it was settled before and nothing was changed.
   */
  settle(id: string, status: Exclude<ApprovalStatus, "pending">, decision?: DecisionRecord): Promise<boolean>;
  get(id: string): Promise<Approval | undefined>;
  /** Newest first. */
  list(query: ApprovalFilter & PageQuery): Promise<ApprovalPage>;
  /** The time in ms since 1970, by the one clock by which requests expire: the database's if gateways share it. */
  now(): Promise<number>;
  /** Pending requests that are due by that clock, soonest first. */
  due(): Promise<readonly Approval[]>;
  /** In how many ms the next pending request is due by that clock. */
  msToNextDue(): Promise<number | undefined>;
  /** Pending requests of one turn, or of all turns that have ended and whose processes are gone. */
  pending(of: { readonly turnId: string } | "ended turns"): Promise<readonly Approval[]>;
  /**
   * Parked calls of the session that the CLI asks about again when it resumes, or may ask about: the decision may have
   * gone to a process that ended without a result.
   */
  unresolved(sessionId: string): Promise<readonly Approval[]>;
  /** Marks a parked call as resolved: the CLI has received its answer. */
  delivered(id: string): Promise<void>;

  grant(grant: SessionGrant): Promise<void>;
  /** The valid grants of a session for one tool. */
  grantsFor(sessionId: string, tool: string): Promise<readonly SessionGrant[]>;
  grantById(id: string): Promise<SessionGrant | undefined>;
  grants(query: GrantFilter & PageQuery): Promise<GrantPage>;
  /** False if the grant was revoked before. */
  revoke(grantId: string, at: Instant): Promise<boolean>;
}
