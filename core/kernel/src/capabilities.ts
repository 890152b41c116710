import type {
  Approval,
  ApprovalFilter,
  ApprovalPage,
  AuditEvent,
  AuditQuery,
  Caller,
  CommandName,
  CostGrouping,
  CostPeriod,
  Decider,
  Decision,
  Frame,
  HistoryMessage,
  Instant,
  KeyTotals,
  ModelName,
  ModelTotalsRow,
  NodeView,
  NodeWorkload,
  Overview,
  PageQuery,
  PromptText,
  Refusal,
  SessionFilter,
  SessionPage,
  SessionRecord,
  Singletons,
  StatisticsRange,
  TextMode,
  TurnOptions,
  TurnPage,
  TurnQuery,
  TurnRecord,
  TurnSearchPage,
  TurnStatistics,
} from "@claudeway/ports";
import type {
  AuditLine,
  BackgroundTask,
  ContentBlock,
  EventKind,
  FileList,
  PluginPage,
  SessionMessages,
  TurnResponse,
} from "@claudeway/schemas";
import type { KeyDescription, ListenAddress } from "./hooks.js";
import { ALONE } from "./leading.js";
import type { Quota } from "./plugin-quota.js";
import type { PluginStore } from "./plugin-store.js";

/** Read access to the sessions of every key. */
export interface SessionsView {
  /** Undefined if the session does not exist or was deleted. */
  get(id: string): Promise<SessionRecord | undefined>;
  /** Newest first. */
  list(query: SessionFilter & PageQuery): Promise<SessionPage>;
  /** The turns of a session, latest first. */
  turns(sessionId: string, query: PageQuery): Promise<TurnPage>;
  /**
   * The prompts of these turns, as far as the CLI's own transcript has them. Rejects with UNAVAILABLE while too many
   * transcripts are being read.
   */
  prompts(sessionId: string, turnIds: readonly string[]): Promise<ReadonlyMap<string, PromptText>>;
  /**
   * One page of a session's conversation, the latest turn first, see `GET /session/:id/messages`. Undefined if the session
   * does not exist. Rejects with UNAVAILABLE like `prompts`.
   */
  messages(sessionId: string, query: PageQuery): Promise<SessionMessages | undefined>;
  /**
   * A file of the workdir of a session or task, whole, or a page of a folder, see `GET /session/:id/files/:path`; the path is
   * percent-encoded, and empty for the workdir itself. Undefined if the session does not exist. Rejects like that route, and
   * with PAYLOAD_TOO_LARGE if the file is larger than `maxBytes`.
   */
  readFile(
    sessionId: string,
    path: string,
    options: PageQuery & { readonly maxBytes: number },
  ): Promise<SessionFile | FileList | undefined>;
  /** What the CLI runs in the session's background at this gateway, between turns too. */
  background(sessionId: string): Promise<readonly BackgroundTask[]>;
  /** What a terminal needs to resume the session; undefined if the session does not exist. */
  terminal(sessionId: string): Promise<SessionTerminal | undefined>;
  /**
   * The other node of the cluster that has the session, and what only the gateway of its process knows. Undefined: this
   * gateway, or none.
   */
  node(sessionId: string): Promise<string | undefined>;
  /** The usage of a session by model. */
  byModel(sessionId: string): Promise<readonly ModelTotalsRow[]>;
  /** The models that sessions were started with, as requested. */
  models(): Promise<readonly string[]>;
}

/** A whole file of a session. */
export interface SessionFile {
  readonly content: Uint8Array;
  /** ISO 8601, UTC. */
  readonly modifiedAt: string;
}

/** Where the CLI finds a session's conversation. */
export interface SessionTerminal {
  /** The CLI's own id of the session, for `claude --resume`. */
  readonly session: string;
  /** The folder that the CLI must be started in. */
  readonly workdir: string;
  /** `CLAUDE_CONFIG_DIR`; undefined if it is not set. */
  readonly configDir: string | undefined;
}

/** Read access to turns and costs in the ledger. */
export interface LedgerView {
  overview(): Promise<Overview>;
  /** The total usage of every key with an ended turn, by id. */
  byKey(): Promise<readonly KeyTotals[]>;
  /**
   * The usage of the latest `limit` days, weeks or months with turns (default: 30, 26 or 24), oldest first. The last
   * one is today's only if a turn has ended today; check its `period`.
   */
  costs(groupBy: CostGrouping, limit?: number): Promise<readonly CostPeriod[]>;
  /** Searches the turns of all keys, sessions and tasks, latest first. */
  turns(query: TurnQuery): Promise<TurnSearchPage>;
  /**
   * What became of the turns that were begun in a range of at most 24 hours. Reads them all, so ask for an hour at a time
   * where there are many, and keep what is complete.
   */
  statistics(range: StatisticsRange): Promise<TurnStatistics>;
  /** Undefined if the turn does not exist. */
  turn(id: string): Promise<TurnRecord | undefined>;
  /** Turns that have begun, not ended, and are not parked, oldest first. */
  running(): Promise<readonly TurnRecord[]>;
  /** The response of an ended turn. */
  response(turnId: string): Promise<TurnResponse | undefined>;
  /** The work of the nodes of a cluster: what each has to do, and how many sessions it took over since. */
  workload(since: Instant): Promise<readonly NodeWorkload[]>;
  /**
   * The audit log's lines of turns that ended, or of approvals that were settled, latest first, at whatever gateway: as
   * the ledger has them. On a single machine, read the files.
   */
  auditLines(kind: "turn" | "approval", query: AuditQuery): Promise<readonly LedgerLine[]>;
}

/** A line of the audit log that was made from the ledger. */
export interface LedgerLine extends AuditEvent {
  readonly line: AuditLine;
}

export interface NewSessionRequest {
  readonly model?: string;
  /** What holds for its turns. What widens must be allowed for the key, as in a request. */
  readonly options?: Omit<TurnOptions, "maxTurns" | "outputSchema" | "clientTools" | "singleClientCall">;
  /** True: lists leave the session out. */
  readonly hidden?: boolean;
  readonly systemPrompt?: string;
  /** An existing folder; by default, the gateway creates one. */
  readonly workdir?: string;
  /** What was said before: its first turn goes on from there, as if Claude had said it. */
  readonly history?: readonly HistoryMessage[];
}

/** What is copied of a session. */
export interface SessionForkOptions {
  /** The id of the last turn to copy; by default, all are. It must have ended. */
  readonly at?: string;
  /** True: lists leave the copy out. */
  readonly hidden?: boolean;
}

export interface PromptRequest {
  /** The text; ignored if there is `content`. */
  readonly prompt: string;
  /** Content blocks, instead of the text. After a response with `client_calls`, the results of those. */
  readonly content?: readonly ContentBlock[];
  /** By default, the session's. */
  readonly model?: string;
  /** By default, the session's. */
  readonly systemPrompt?: string;
  /** For this turn alone. What widens must be allowed for the key, as in a request. */
  readonly options?: TurnOptions;
  /** The turn is interrupted once it has cost this much, in USD. */
  readonly maxBudgetUsd?: number;
  /**
   * When the account's usage limit is reached: `fail` ends the turn, `wait` parks it until the limit is lifted; by
   * default, as configured for the gateway. The handle's `answer` is then that of the parked turn; `afterExecute` has the
   * outcome.
   */
  readonly onLimit?: "fail" | "wait";
  /** With `wait`: how long the turn may be parked in all, in seconds. Default: 6 h, and never for a weekly limit. */
  readonly maxWaitSecs?: number;
  /** Which further events `TurnHandle.read` has. */
  readonly events?: "all" | readonly EventKind[];
  /** Up to 16 pairs, kept with the turn. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Default: 600. */
  readonly timeoutSecs?: number;
  /** True: slash commands and `@file` mentions are plain text. */
  readonly verbatim?: boolean;
  /** True: withdraw a pending approval; without it, the prompt is refused with CONFLICT. */
  readonly withdrawPending?: boolean;
  /** True: if the conversation is lost (`CONVERSATION_LOST`), start a new one under the session's id. */
  readonly restartConversation?: boolean;
}

/** A prompt without a session. */
export interface PluginTaskRequest extends Omit<PromptRequest, "withdrawPending" | "restartConversation"> {
  /** An existing folder; by default, the base folder. */
  readonly workdir?: string;
}

/** A turn that a plugin started. */
export interface TurnHandle {
  readonly id: string;
  readonly sessionId: string;
  /** Its events after the one with the id `after` (0 for all); null is a heartbeat. */
  read(options: { readonly mode: TextMode; readonly after?: number }): AsyncIterable<Frame | null>;
  /** The whole response, also of a turn that failed, was refused or was interrupted. Never rejects. */
  readonly answer: Promise<TurnResponse>;
  /**
   * The same, but rejects where a client of the HTTP API gets an error instead: a plugin refused the turn, it ran past its
   * time, the gateway is shutting down. A route can let the error through.
   */
  result(): Promise<TurnResponse>;
  /** Ends the turn. With a refusal, its caller gets that, as if the turn had been refused at its start. */
  interrupt(refusal?: Refusal): void;
}

/** Sessions and prompts on behalf of a key, handled like requests. */
export interface TurnRunner {
  /** Rejects with CONFLICT if there is `history` that the gateway can't write for the CLI. */
  startSession(keyId: string, request?: NewSessionRequest): Promise<SessionRecord>;
  /**
   * A session that begins with what was said in another one, see `POST /session/:id/fork`. Resolves to its id. Rejects with
   * NOT_FOUND if the session does not belong to this key, and with CONFLICT while its last turn runs, unless `at` names an
   * earlier one.
   */
  forkSession(keyId: string, sessionId: string, options?: SessionForkOptions): Promise<string>;
  /**
   * Rejects with NOT_FOUND if the session does not belong to this key, and with CONFLICT while one of its calls is
   * pending.
   */
  prompt(keyId: string, sessionId: string, request: PromptRequest): Promise<TurnHandle>;
  /** One prompt without a session, on a prewarmed process if there is one, as `POST /task`. 120 s unless given. */
  task(keyId: string, request: PluginTaskRequest): Promise<TurnHandle>;
  /** Sets the title of a session; null removes it. Rejects with BAD_REQUEST like `PATCH /session/:id`. */
  renameSession(keyId: string, sessionId: string, title: string | null): Promise<void>;
  /** Lets exactly these denied calls run; see `POST /session/:id/approve`. */
  approve(keyId: string, sessionId: string, toolUseIds: readonly string[]): Promise<TurnHandle>;
  /** Resolves to false if no turn was running. */
  interrupt(keyId: string, sessionId: string): Promise<boolean>;
  /**
   * Ends what the session does by itself: a turn that the CLI began, and what runs in the background. The session's next
   * answer reports the loss (`background_lost`, `interrupted`). A prompt that runs goes on: `interrupt` ends it with all
   * that it started. False: nothing was ended.
   */
  endBackground(keyId: string, sessionId: string): Promise<boolean>;
  endSession(keyId: string, sessionId: string): Promise<void>;
  /** Follows a running turn of any key; undefined if it does not run at this gateway. */
  follow(turnId: string): TurnHandle | undefined;
}

/** Access to pending tool calls. */
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

/** The load of the gateway. */
export interface Load {
  readonly running: number;
  readonly queued: number;
  /** Running processes of the CLI. */
  readonly processes: number;
}

/** The size of the queue of turns. */
export interface QueueSize {
  readonly maxRunning: number;
  readonly maxQueued: number;
}

/** The outcome of a reload of the configuration. */
export interface ReloadReport {
  readonly started: readonly string[];
  readonly replaced: readonly string[];
  readonly stopped: readonly string[];
  readonly unchanged: readonly string[];
  /** One line each. */
  readonly failed: readonly string[];
}

export interface GatewayPaths {
  /** Undefined if there is none. */
  readonly configFile: string | undefined;
  /** The ledger and its keys. */
  readonly dataDir: string;
  /** The base folder of the workdirs. */
  readonly workdirs: string;
  /** `[engine] config_dirs`: whether each key has a configuration folder of the CLI. */
  readonly configDirs: "shared" | "per_key";
}

/** The status of a plugin. Numbers count from its last start. */
export interface PluginStatus {
  readonly name: string;
  /** The version of its package, if it has one. */
  readonly version?: string;
  readonly state: "on" | "off" | "failed";
  readonly needs: readonly string[];
  /** Whether it says that the CLI's tool calls can do less than the gateway while it is on. */
  readonly confinesCli: boolean;
  /** The source as configured: a name, a package or a path. */
  readonly source: string;
  /** With defaults filled in and secrets masked. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The duration of its start, in milliseconds. */
  readonly startedMs: number;
  readonly lastError: string | null;
  /** docs/plugin-faults.md explains each. */
  readonly lastErrorCode: string | null;
  /** Milliseconds that requests and turns spent in its taps. */
  readonly tapMs: number;
  /** Exceptions, rejections, missed deadlines and invalid answers of its taps. */
  readonly faults: number;
  /** Observer calls that were dropped because too many were in flight. */
  readonly dropped: number;
  /** The longest time that one call blocked the whole gateway, in ms; 0 if none exceeded the limit. */
  readonly blockedMs: number;
  readonly notices: readonly string[];
}

/** A key of the configuration. */
export interface ConfiguredKey {
  readonly id: string;
  /** True if the gateway made it because none was configured. */
  readonly generated: boolean;
  readonly secretLength: number;
  /** Differs for another secret, and reveals nothing else about it. */
  readonly fingerprint?: string;
}

/** What a key may do. What is left out is not limited, and of `allow`, nothing. */
export interface KeyLimit {
  /** How many of its turns run at once; more wait. */
  readonly maxRunning?: number | undefined;
  /** Patterns of the folders that it may name, as `[keys.<id>] workdirs`. */
  readonly workdirs?: readonly string[] | undefined;
  /** The fields of requests that widen what Claude may do and that it may send. */
  readonly allow?:
    | readonly ("mcp_servers" | "agents" | "tools" | "allowed_tools" | "additional_dirs")[]
    | undefined;
  /** What it belongs to, such as teams and projects. */
  readonly tags?: readonly string[] | undefined;
}

/** The keys of the gateway, for plugins that authenticate further ones. */
export interface Keys {
  /** The configured keys, the admin's first. */
  list(): readonly ConfiguredKey[];
  /** What any key may do, as the configuration or the plugin that made it says; of an unknown key, nothing is limited. */
  of(keyId: string): KeyLimit;
  /** Completes what is known of a key with what the taps of `describeKey` say. Rejects as they do. */
  describe(keyId: string, known: KeyDescription): Promise<KeyDescription>;
  /**
   * Says what the keys of the plugin may do. `limitsOf` answers undefined for other keys; it is called often, also for
   * turns that a plugin starts for a key, and must be quick. Configured keys are never asked about. The returned
   * function takes it back: pass it to `onDispose`.
   */
  limit(limitsOf: (keyId: string) => KeyLimit | undefined): () => void;
}

/** A page of a plugin in the dashboard. */
export interface DescribedPage {
  readonly plugin: string;
  readonly page: PluginPage;
}

/** The gateway itself. */
export interface GatewayControl {
  readonly version: string;
  /** Every plugin that has been enabled since the start; secrets in its configuration are masked. */
  plugins(): readonly PluginStatus[];
  /** The pages of plugins in the dashboard, in the order of the plugins. */
  pages(): readonly DescribedPage[];
  /** The installed plugins, first- and third-party, enabled or not. */
  available(): Promise<readonly string[]>;
  /** What installed packages of plugins say about them, by the packages' and the plugins' names. */
  descriptions(): Promise<ReadonlyMap<string, string>>;
  /** Until the restart. Rejects with a one-line reason. */
  enable(name: string): Promise<void>;
  disable(name: string): Promise<void>;
  /** Reloads the configuration file. If it has a fault, rejects with one line and changes nothing. */
  reload(): Promise<ReloadReport>;
  load(): Load;
  /** The nodes of the cluster, as this one last saw them; undefined if the gateway is alone. */
  nodes(): Promise<readonly NodeView[] | undefined>;
  /**
   * Has this node take no more sessions, so that it runs empty, or take them again. Rejects with a one-line reason if the
   * gateway is alone, or `node` is another one.
   */
  drain(node: string, draining: boolean): Promise<void>;
  /** How many turns run at once, and how many more may wait. */
  readonly queue: QueueSize;
  /** The gateway's own paths and every plugin's, as an OpenAPI 3.1 document. */
  openapi(): Readonly<Record<string, unknown>>;
  /** The caller with this secret, if any. Runs in constant time. */
  authenticate(secret: string): Caller | undefined;
  /** The ids of the configured keys, the admin's first, and whether their secrets are short. */
  keys(): readonly ConfiguredKey[];
  /** The models that the CLI offers, as `GET /models`. */
  models(): Promise<readonly ModelName[]>;
  /** The slash commands of the CLI that a prompt may run in every approval mode; none if the CLI does not list them. */
  commands(): Promise<readonly CommandName[]>;
  /** Announces the public URL; undefined if it no longer exists. */
  announcePublicUrl(url: string | undefined): void;
  publicUrl(): string | undefined;
  /** Where the gateway listens; undefined until the port is open (see the hook `listening`). */
  address(): ListenAddress | undefined;
  /** Folder of the audit log: `<dir>/<key_id>/YYYY-MM.log`. */
  readonly logDir: string;
  /** The gateway's own folders, as absolute paths. */
  readonly paths: GatewayPaths;
}

/** The service for each of a plugin's `needs`. */
export interface Capabilities {
  readonly turns: TurnRunner;
  readonly approvals: Approvals;
  readonly control: GatewayControl;
  readonly keys: Keys;
  readonly quota: Quota;
}

/** All services of the gateway for plugins; the kernel passes each plugin those that it requested. */
export interface PluginServices extends Omit<Capabilities, "quota"> {
  readonly sessions: SessionsView;
  readonly ledger: LedgerView;
  /** Whether other gateways work on the same ledger. */
  readonly shared: boolean;
  readonly singletons: Singletons;
  /** Creates a plugin's own folder and returns its path. */
  storage(plugin: string): string;
  /** Opens a plugin's own counters. */
  quota(plugin: string): Quota;
  /** Opens a plugin's own part of the store. */
  store(plugin: string): PluginStore;
  /** The environment variables that mark a plugin's child processes. */
  childMark(plugin: string): Readonly<Record<string, string>>;
}

/** The default services of a kernel without a gateway: every use throws. */
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
  get keys() {
    return notOffered("keys");
  },
  shared: false,
  singletons: ALONE,
  storage: () => notOffered("storage"),
  store: () => notOffered("store"),
  quota: () => notOffered("quota"),
  childMark: () => notOffered("childMark"),
};

function notOffered(what: string): never {
  throw new Error(`this gateway does not provide ${what}`);
}

/** @deprecated The earlier name of `Approvals`. */
export type ApprovalDesk = Approvals;
