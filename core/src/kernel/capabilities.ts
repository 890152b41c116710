import type { TurnResponse } from "@claudeway/schemas";
import type { Approval, ApprovalFilter, ApprovalPage, Decider, Decision } from "../ports/approvals.js";
import type { PromptText } from "../ports/conversations.js";
import type {
  CostGrouping,
  CostPeriod,
  KeyTotals,
  ModelTotalsRow,
  Overview,
  SessionFilter,
  SessionPage,
  SessionRecord,
  TurnPage,
  TurnRecord,
} from "../ports/ledger.js";
import type { PageQuery } from "../ports/page.js";
import type { Caller } from "../ports/turns.js";
import type { Frame, TextMode } from "../turns/stream.js";
import type { ListenAddress } from "./hooks.js";

/** Sessions of every key, to be read. */
export interface SessionsView {
  /** Undefined if the session does not exist or was deleted. */
  get(id: string): Promise<SessionRecord | undefined>;
  /** Newest first. */
  list(query: SessionFilter & PageQuery): Promise<SessionPage>;
  /** A session's turns, the latest first. */
  turns(sessionId: string, query: PageQuery): Promise<TurnPage>;
  /**
   * The prompts of these turns of the session, from the CLI's own transcript, as far as they are found there. Rejects
   * with UNAVAILABLE while too many transcripts are read.
   */
  prompts(sessionId: string, turnIds: readonly string[]): Promise<ReadonlyMap<string, PromptText>>;
  /** What a session used, model by model. */
  byModel(sessionId: string): Promise<readonly ModelTotalsRow[]>;
  /** The models that sessions were started with, as they were asked for. */
  models(): Promise<readonly string[]>;
}

/** What the ledger knows of turns and money, to be read. */
export interface LedgerView {
  overview(): Promise<Overview>;
  /** What every key that ever ended a turn has used in all, by id. */
  byKey(): Promise<readonly KeyTotals[]>;
  /**
   * What was used in the latest `limit` days, weeks or months that have turns (unless given: 30, 26 or 24), oldest
   * first. Today's is the last one only if a turn has ended today: look at its `period`.
   */
  costs(groupBy: CostGrouping, limit?: number): Promise<readonly CostPeriod[]>;
  /** Undefined if the turn does not exist. */
  turn(id: string): Promise<TurnRecord | undefined>;
  /** Turns that have begun, not ended, and are not parked, oldest first. */
  running(): Promise<readonly TurnRecord[]>;
  /** The answer of a turn that ended. */
  response(turnId: string): Promise<TurnResponse | undefined>;
}

export interface NewSessionRequest {
  readonly model?: string;
  readonly systemPrompt?: string;
  /** An existing folder; without it the gateway makes one. */
  readonly workdir?: string;
}

export interface PromptRequest {
  readonly prompt: string;
  /** 600 unless given. */
  readonly timeoutSecs?: number;
  /** True: slash commands and `@file` mentions are text. */
  readonly verbatim?: boolean;
  /** True: a call that waits for a decision is withdrawn; without it, the prompt is refused with CONFLICT. */
  readonly withdrawPending?: boolean;
  /** True: where the conversation is lost (`CONVERSATION_LOST`), a new one begins under the session's id. */
  readonly restartConversation?: boolean;
}

/** A turn that was begun by a plugin. */
export interface TurnHandle {
  readonly id: string;
  readonly sessionId: string;
  /** Its events, from the one after `after` (0: all) on; null is a heartbeat. */
  read(options: { readonly mode: TextMode; readonly after?: number }): AsyncIterable<Frame | null>;
  /** The whole answer; also of a turn that failed, was refused or ended from outside. Never rejects. */
  readonly answer: Promise<TurnResponse>;
  interrupt(): void;
}

/** Sessions and prompts in the name of a key id, on the same path that requests take. */
export interface TurnRunner {
  startSession(keyId: string, request?: NewSessionRequest): Promise<SessionRecord>;
  /**
   * Rejects with NOT_FOUND where the session is not this key's, with CONFLICT while a call of it waits for a decision.
   */
  prompt(keyId: string, sessionId: string, request: PromptRequest): Promise<TurnHandle>;
  /** Lets exactly these denied calls run; see `POST /session/:id/approve`. */
  approve(keyId: string, sessionId: string, toolUseIds: readonly string[]): Promise<TurnHandle>;
  /** False: no turn was running. */
  interrupt(keyId: string, sessionId: string): Promise<boolean>;
  endSession(keyId: string, sessionId: string): Promise<void>;
  /** A running turn to follow, of any key. */
  follow(turnId: string): TurnHandle | undefined;
}

/** Access to the tool calls that wait for a decision. */
export interface Approvals {
  /** Newest first. */
  list(query: ApprovalFilter & PageQuery): Promise<ApprovalPage>;
  get(id: string): Promise<Approval | undefined>;
  /**
   * Decides a pending request. Resolves to the decided request. Rejects with CONFLICT, which names who decided first,
   * and with FORBIDDEN if the request does not allow this decider.
   */
  decide(id: string, decision: Decision, decider: Decider): Promise<Approval>;
  /** Path and query of a signed page on which this one request can be decided, once. */
  link(id: string): Promise<string>;
}

/** How busy the gateway is. */
export interface Load {
  readonly running: number;
  readonly queued: number;
  /** Live processes of the CLI. */
  readonly processes: number;
}

/** What became of a file that was read again. */
export interface ReloadReport {
  readonly started: readonly string[];
  readonly replaced: readonly string[];
  readonly stopped: readonly string[];
  readonly unchanged: readonly string[];
  /** One line each. */
  readonly failed: readonly string[];
}

export interface GatewayPaths {
  /** Undefined: there is none. */
  readonly configFile: string | undefined;
  /** The ledger and its keys. */
  readonly dataDir: string;
  /** Base folder of the workdirs. */
  readonly workdirs: string;
}

/** What an operator sees of a plugin. Numbers count from its last start. */
export interface PluginStatus {
  readonly name: string;
  /** Of its package, where it has one. */
  readonly version?: string;
  readonly state: "on" | "off" | "failed";
  readonly needs: readonly string[];
  /** How it was asked for: a name, a package, a path. */
  readonly source: string;
  /** Defaults filled in, secrets masked. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Milliseconds that its start took. */
  readonly startedMs: number;
  readonly lastError: string | null;
  /** docs/plugin-faults.md explains each. */
  readonly lastErrorCode: string | null;
  /** Milliseconds that requests and turns spent in its taps. */
  readonly tapMs: number;
  /** Throws, rejections, missed deadlines and wrong answers of its taps. */
  readonly faults: number;
  /** Observer calls that it missed because too many were in flight. */
  readonly dropped: number;
  /** The longest that one call held the whole gateway up, in ms; 0 while none went over the limit. */
  readonly blockedMs: number;
  readonly notices: readonly string[];
}

/** The gateway itself. */
export interface GatewayControl {
  readonly version: string;
  /** Every plugin that has been on since the start; secrets in its configuration are masked. */
  plugins(): readonly PluginStatus[];
  /** The first-party plugins that are installed, on or not. */
  available(): Promise<readonly string[]>;
  /** Until the restart. Rejects with a one-line reason. */
  enable(name: string): Promise<void>;
  disable(name: string): Promise<void>;
  /** Reads the configuration file again. Rejects with one line where anything in it is wrong, and changes nothing. */
  reload(): Promise<ReloadReport>;
  load(): Load;
  /** The gateway's own paths and every plugin's, as an OpenAPI 3.1 document. */
  openapi(): Readonly<Record<string, unknown>>;
  /** The caller with this secret, if any. Constant time. */
  authenticate(secret: string): Caller | undefined;
  /** Ids of the configured keys, the admin's first, and how safe their secrets are. */
  keys(): readonly { readonly id: string; readonly generated: boolean; readonly secretLength: number }[];
  /** Announces the public URL; undefined if there is none any more. */
  announcePublicUrl(url: string | undefined): void;
  publicUrl(): string | undefined;
  /** Where the gateway listens; undefined until the port is open (see the hook `listening`). */
  address(): ListenAddress | undefined;
  /** Folder of the audit log: `<dir>/<key_id>/YYYY-MM.log`. */
  readonly logDir: string;
  /** Where the gateway keeps what is its own. Absolute paths. */
  readonly paths: GatewayPaths;
}

/** What a plugin gets for each of its `needs`. */
export interface Capabilities {
  readonly turns: TurnRunner;
  readonly approvals: Approvals;
  readonly control: GatewayControl;
}

/** All that the gateway offers to plugins; the kernel hands each what it may have. */
export interface PluginServices extends Capabilities {
  readonly sessions: SessionsView;
  readonly ledger: LedgerView;
  /** Makes a plugin's own folder and names it. */
  storage(plugin: string): string;
  /** What marks a plugin's child processes as the gateway's. */
  childMark(plugin: string): Readonly<Record<string, string>>;
}

/** The default services of a kernel that was offered none: every use throws. */
export const NO_SERVICES: PluginServices = {
  get sessions() {
    return notOffered("sessions");
  },
  get ledger() {
    return notOffered("ledger");
  },
  get turns() {
    return notOffered("turns");
  },
  get approvals() {
    return notOffered("approvals");
  },
  get control() {
    return notOffered("control");
  },
  storage: () => notOffered("storage"),
  childMark: () => notOffered("childMark"),
};

function notOffered(what: string): never {
  throw new Error(`this gateway does not provide ${what}`);
}

/** @deprecated The earlier name of `Approvals`. */
export type ApprovalDesk = Approvals;
