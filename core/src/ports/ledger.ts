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
import type { BackgroundTask, ChildNote, LostTask, SessionTotals } from "./engine.js";
import type { PageQuery } from "./page.js";
import type { ParkedTurn, TurnEnd, TurnInfo, TurnOutcome, TurnUsage } from "./turns.js";

/*
 * What the gateway remembers: sessions, turns, what they cost, and which request asked for which turn. A method
 * resolves when its change would survive a kill of the gateway. Every method rejects with a LedgerError when the
 * ledger is closed or its file fails.
 */

/** ISO 8601, UTC, milliseconds: `2026-03-12T10:00:00.000Z`. */
export type Instant = string;

export interface Ledger {
  /** True: the gateway that had the ledger before was killed, or the machine went down. */
  readonly afterCrash: boolean;
  readonly sessions: SessionBook;
  readonly turns: TurnBook;
  readonly totals: TotalsBook;
  readonly prices: PriceBook;
  readonly idempotency: IdempotencyBook;
  readonly approvals: ApprovalBook;
  /** Rejects with a LedgerError where the file that was opened is no longer in its place. */
  checkFile(): Promise<void>;
  /** Lets go of the file, so that another gateway may open it. A second call does nothing. */
  close(): Promise<void>;
}

/** What a number of turns used. */
export interface Totals {
  readonly tokens: Tokens;
  /** USD: the sum over the turns whose price is known. */
  readonly costUsd: number;
  /** How many of the turns never reported: their tokens are those that were delivered. Counted by main model. */
  readonly estimated: number;
  /** How many of the turns are not in `costUsd`, or not wholly, because a price was not known. Counted by main model. */
  readonly unpriced: number;
}

export interface ModelTotalsRow extends Totals {
  readonly model: string;
  /** Turns of which this is the main model: over all models they add up to the number of turns. */
  readonly requests: number;
  /** Turns that used this model at all, a subagent's share too. */
  readonly turns: number;
}

// ---- sessions

export interface NewSession {
  /** The Claude session's own UUID. */
  readonly id: string;
  readonly keyId: string;
  /** A one-shot task has a session too, which no list shows. */
  readonly kind: "session" | "task";
  /** A name or alias as it goes to the CLI. */
  readonly model: string;
  readonly systemPrompt: string | undefined;
  /** Absolute path. */
  readonly workdir: string;
  /** True: the gateway made the workdir, and removes it with the session. */
  readonly ownsWorkdir: boolean;
  readonly createdAt: Instant;
}

export interface SessionRecord extends NewSession {
  readonly lastUsed: Instant;
  /** Turns that began, the running one too. */
  readonly taskCount: number;
  /** Over the turns that ended. */
  readonly totals: Totals;
  /** What the session's CLI last said it had cost in all. */
  readonly cliTotals: SessionTotals | undefined;
}

export interface SessionFilter {
  readonly keyId?: string | undefined;
  readonly model?: string | undefined;
  /** How the id begins: four characters or more, so that few sessions have to be looked at. */
  readonly idPrefix?: string | undefined;
}

export interface SessionPage extends PageQuery {
  readonly sessions: readonly SessionRecord[];
  /** How many sessions match, on all pages. */
  readonly total: number;
}

export interface SessionBook {
  /** Rejects if the id is taken, also by a deleted session. */
  create(session: NewSession): Promise<void>;
  /** Undefined: there is none, or it was deleted. */
  get(id: string): Promise<SessionRecord | undefined>;
  /** Newest first; without tasks and deleted ones. */
  list(query: SessionFilter & PageQuery): Promise<SessionPage>;
  /** How many there are; without tasks and deleted ones. */
  count(filter?: SessionFilter): Promise<number>;
  /** Sets `lastUsed`, never back. */
  touch(id: string, at: Instant): Promise<void>;
  /** False: there is none, or it was deleted before. Its turns and all totals stay; a running turn may still end. */
  delete(id: string, at: Instant): Promise<boolean>;
  /** Where a turn ends at the same moment, pass the totals to `turns.end` instead: one transaction. */
  setCliTotals(id: string, totals: SessionTotals): Promise<void>;
  /** The session's turns go to another model from now on. Where a turn ends at the same moment, see `TurnEnding`. */
  setModel(id: string, model: string): Promise<void>;
  /** What the CLI runs in the session's background from now on. */
  setBackground(id: string, running: readonly BackgroundTask[]): Promise<void>;
  /** Background work of the session was ended: its next answer is to tell. */
  addLost(id: string, lost: readonly LostTask[]): Promise<void>;
  /** What was ended, and no answer has told. */
  lost(id: string): Promise<readonly LostTask[]>;
  /** An answer has told these, the first of `lost`. */
  forgetLost(id: string, told: readonly LostTask[]): Promise<void>;
  /** Right after opening: what a dead gateway left running in the background is lost. */
  loseBackground(): Promise<readonly { readonly id: string; readonly lost: readonly LostTask[] }[]>;
  /** The models of the listed sessions, sorted. */
  models(): Promise<readonly string[]>;
  /** What the session used, model by model; empty where there is none. */
  byModel(id: string): Promise<readonly ModelTotalsRow[]>;
}

// ---- turns

/** What is kept of a prompt: never its text. */
export interface PromptMark {
  /** Length in UTF-8. */
  readonly bytes: number;
  /** SHA-256, in hex. */
  readonly sha256: string;
}

export interface NewTurn extends TurnInfo {
  /** The route that it came in by, such as `POST /session/:id`. */
  readonly route: string;
  /** The model asked for. */
  readonly model: string;
  readonly prompt: PromptMark;
}

export interface TurnRecord extends NewTurn {
  /** The process that runs, or ran, the turn. */
  readonly process: ChildNote | undefined;
  /** While the turn runs, what was delivered so far. */
  readonly usage: TurnUsage;
  /** Undefined while the turn runs, or is parked. */
  readonly ended: EndedTurn | undefined;
  /** Set while the turn waits for a person and no process runs it. */
  readonly parked: ParkedTurn | undefined;
}

export interface EndedTurn {
  readonly end: TurnEnd;
  readonly at: Instant;
  /** The model that answered, as far as known, else the one asked for. */
  readonly model: string;
  readonly durationMs: number;
  readonly queuedMs: number;
  readonly exitCode: number | null;
}

export interface TurnPage extends PageQuery {
  readonly turns: readonly TurnRecord[];
  readonly total: number;
}

export interface TurnEnding {
  readonly at: Instant;
  /** The session's totals as of this end, if they changed. */
  readonly cliTotals?: SessionTotals | undefined;
  /** The model that the session goes on with, if it changed. */
  readonly model?: string | undefined;
  /** Of a turn that was parked: what it has used since. What it had used before is booked. */
  readonly sinceParked?: TurnUsage | undefined;
}

/** A turn that is about to wait for a person without a process. */
export interface TurnParking extends Pick<TurnEnding, "at" | "cliTotals"> {
  readonly parked: ParkedTurn;
  /** What it has used since it began, or since it was parked before. */
  readonly usage: TurnUsage;
  /** The model that answered, as far as known, else the one asked for. */
  readonly model: string;
}

export interface TurnLoss {
  readonly at: Instant;
  /** Makes the answer that is kept, from what was delivered. */
  respond(turn: TurnRecord): TurnResponse;
  /** Makes the session's totals as of this end, from what was delivered since the turn was last parked. */
  totalsAfter?(delivered: TurnUsage): SessionTotals;
}

export interface TurnBook {
  /** Rejects if the id is taken or the session never was. */
  begin(turn: NewTurn): Promise<void>;
  noteProcess(turnId: string, child: ChildNote): Promise<void>;
  /** What was delivered so far. Does nothing after the end. */
  recordUsage(turnId: string, usage: TurnUsage): Promise<void>;
  /**
   * Records the turn: its end, its answer, every total, the session's totals, in one transaction. The first end stands;
   * false says that this was a later one and changed nothing. Rejects where there is no such turn.
   */
  end(turnId: string, outcome: TurnOutcome, ending: TurnEnding): Promise<boolean>;
  /**
   * Records what the turn has used so far, and leaves it open: it counts as a request when it ends. Its approval is parked
   * with it, in one transaction. Rejects where the turn has ended.
   */
  park(turnId: string, parking: TurnParking): Promise<void>;
  /**
   * The CLI has asked again and is about to be answered: the turn runs, and a gateway that dies now loses it. The call
   * stays owed until the CLI has come to a result.
   */
  unpark(turnId: string): Promise<void>;
  /** Turns that wait for a person, oldest first; of one session, or of all. */
  parked(sessionId?: string): Promise<readonly TurnRecord[]>;
  /**
   * Ends a turn that was running when a gateway died: books what was delivered, at the learned price, as estimated.
   * Undefined: it had ended before.
   */
  markLost(turnId: string, lost: TurnLoss): Promise<TurnRecord | undefined>;
  get(turnId: string): Promise<TurnRecord | undefined>;
  /** The answer of a turn that ended, or is parked. */
  response(turnId: string): Promise<TurnResponse | undefined>;
  /** The latest first. */
  listBySession(sessionId: string, query: PageQuery): Promise<TurnPage>;
  /** Turns that have not ended and are not parked, oldest first: right after opening, those that a dead gateway left. */
  running(): Promise<readonly TurnRecord[]>;
  /** The last turn that ended and those that did so within so many ms before it, in that order. Reads every turn. */
  endedLast(withinMs: number): Promise<readonly TurnRecord[]>;
}

// ---- totals

export interface Overview extends Totals {
  /** Turns that ended. */
  readonly requests: number;
  /** The dearest first. */
  readonly byModel: readonly ModelTotalsRow[];
}

export interface KeyTotals extends Totals {
  readonly keyId: string;
  readonly requests: number;
  readonly lastUsed: Instant;
}

export type CostGrouping = "daily" | "weekly" | "monthly";

export interface CostPeriod extends Totals {
  /** UTC: `2026-03-12`, an ISO week `2026-W11`, or `2026-03`. A turn counts where it ended. */
  readonly period: string;
  readonly requests: number;
  /** The dearest first. */
  readonly byModel: readonly ModelTotalsRow[];
  /** The dearest first. */
  readonly byKey: readonly KeyCost[];
}

export interface KeyCost {
  readonly keyId: string;
  readonly requests: number;
  /** USD. */
  readonly costUsd: number;
}

/** Sums that were kept as turns ended: reading them takes the same time however many turns there were. */
export interface TotalsBook {
  overview(): Promise<Overview>;
  /** Every key that ever ended a turn, by id. */
  byKey(): Promise<readonly KeyTotals[]>;
  /** The latest `limit` periods that have turns (default: 30 days, 26 weeks or 24 months), oldest first. */
  costs(groupBy: CostGrouping, limit?: number): Promise<readonly CostPeriod[]>;
}

// ---- prices

export interface PriceBook {
  /** USD at the price learned from that model's earlier turns; null where there were none. */
  estimateCost(model: string, tokens: Tokens): Promise<number | null>;
  /**
   * The usage with a learned price in every share that has none; `costUsd` stays null where one is not known.
   *
   * @param beside usage of the same turn: the price that its process told counts, too
   */
  price(usage: TurnUsage, beside?: TurnUsage): Promise<TurnUsage>;
}

// ---- idempotency

export interface IdempotencyClaim {
  readonly keyId: string;
  /** With its parameters filled in: a key is good for one thing. */
  readonly route: string;
  readonly idempotencyKey: string;
  /** Any digest of the body. */
  readonly bodyHash: string;
  /** The turn that is going to be begun. */
  readonly turnId: string;
  readonly at: Instant;
}

export interface IdempotencyBook {
  /**
   * "new": go on and begin that turn. A turn's id: the same request came before, within 24 h, and this is its turn.
   * "conflict": the key was used with another body. A claim whose turn a dead gateway never began is forgotten.
   */
  claim(claim: IdempotencyClaim): Promise<"new" | "conflict" | { readonly turnId: string }>;
  /** Gives a claim back whose turn was never begun (queue full, say). */
  release(claim: IdempotencyClaim): Promise<void>;
  /** What was claimed turned out to be part of another turn: the same request is answered with that one. */
  redirect(claim: IdempotencyClaim, turnId: string): Promise<void>;
}

// ---- approvals

/** Requests for a person's decision, and what was allowed for the rest of a session. */
export interface ApprovalBook {
  /** Writes a pending request down. Rejects if this call of the session was asked about before. */
  ask(approval: Approval): Promise<void>;
  /** Settles a pending request; the first one does, and false says that this was a later one and changed nothing. */
  settle(id: string, status: Exclude<ApprovalStatus, "pending">, decision?: DecisionRecord): Promise<boolean>;
  get(id: string): Promise<Approval | undefined>;
  /** Newest first. */
  list(query: ApprovalFilter & PageQuery): Promise<ApprovalPage>;
  /** Pending ones that expire by then, the soonest first. */
  expiring(by: Instant): Promise<readonly Approval[]>;
  /** When the next pending one expires. */
  nextExpiry(): Promise<Instant | undefined>;
  /** Pending ones of a turn, or of every turn that has ended. */
  pending(of: { readonly turnId: string } | "ended turns"): Promise<readonly Approval[]>;
  /**
   * Of the session, the calls that the CLI will ask about again, or may: what was decided was told to a process that
   * ended without a result.
   */
  unresolved(sessionId: string): Promise<readonly Approval[]>;
  /** The CLI has heard the answer of a parked call. */
  delivered(id: string): Promise<void>;

  grant(grant: SessionGrant): Promise<void>;
  /** Those of a session for a tool. */
  grantsFor(sessionId: string, tool: string): Promise<readonly SessionGrant[]>;
  grantById(id: string): Promise<SessionGrant | undefined>;
  grants(query: GrantFilter & PageQuery): Promise<GrantPage>;
  /** False: it was revoked before. */
  revoke(grantId: string, at: Instant): Promise<boolean>;
}
