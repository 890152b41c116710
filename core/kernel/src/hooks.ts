import type {
  Approval,
  BudgetWarning,
  Caller,
  Refusal,
  SpawnPlan,
  ToolCall,
  TurnEvent,
  TurnInfo,
  TurnOutcome,
  TurnPlan,
  TurnUsage,
  Verdict,
  WorkdirRequest,
} from "@claudeway/ports";
import { AsyncParallelHook, AsyncSeriesBailHook, AsyncSeriesHook, AsyncSeriesWaterfallHook } from "tapable";

/** What a request sends to prove who sent it. */
export interface Credentials {
  /** The secret of `Authorization: Bearer` or `x-api-key`. */
  readonly secret: string | undefined;
  /** The `Authorization` header as sent, for other schemes. */
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
}

/** A request whose sender is not known yet. */
export interface RequestHead extends Omit<RequestInfo, "keyId" | "setHeader"> {
  /** A function, so that a log line with the head does not contain them. */
  credentials(): Credentials;
}

/** An authenticated request, before its route runs. */
export interface RequestInfo {
  /** The id of the request in the log; the client gets it with internal errors. */
  readonly id: string;
  readonly method: string;
  /** Path without the query string. */
  readonly path: string;
  readonly keyId: string;
  /** The client's address: the socket's peer, or what a trusted proxy reports. */
  readonly remoteAddress: string;
  /** Names in lower case, without `authorization`, `x-api-key` and `cookie`. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Sets a header of the response, whatever its status will be. Throws a TypeError if it is not a valid header. */
  setHeader(name: string, value: string): void;
}

/** What a key is told about itself, as JSON: its limits, and what is left of them. */
export interface KeyDescription {
  readonly [field: string]: unknown;
}

/** A request whose response was sent, or whose client disconnected. */
export interface CompletedRequest {
  readonly id: string;
  readonly method: string;
  /** The path without the query string, with tokens redacted. */
  readonly path: string;
  /** The template of its route, such as `/session/:id`; undefined if there was no such route. */
  readonly route?: string | undefined;
  /** 499 if the client disconnected before the response began. */
  readonly status: number;
  readonly durationMs: number;
  /** Null if the request was not authenticated. */
  readonly keyId: string | null;
  /** In a cluster: the name of the node that answered, if that is another one. */
  readonly node?: string | undefined;
}

/** A session that was started or deleted. */
export interface SessionInfo {
  readonly id: string;
  readonly keyId: string;
  readonly model: string;
  readonly workdir: string;
}

/** Where the gateway listens. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** A URL that a browser on this machine can open. */
  readonly url: string;
}

/**
 * Every hook of the gateway, grouped by what they are about. Interceptor hooks (bail, waterfall) are awaited tap by tap,
 * each within a deadline; a tap that fails refuses that one request or turn, and a tap of `approve` only that call.
 * Observer hooks (parallel) never delay or fail an answer: core calls them with `Kernel.notify`.
 */
export function createHooks() {
  return Object.freeze({
    /**
     * Interceptor. Who sent this request? The first answer counts: a caller, or a `Refusal`. Without an answer, the
     * configured keys decide. Asked for every request that needs a key; answers are not cached.
     */
    authenticate: new AsyncSeriesBailHook<[RequestHead], Caller | Refusal>(["request"]),
    /** Interceptor. A request was authenticated. Return or throw a `Refusal` to refuse it; the first refusal wins. */
    request: new AsyncSeriesBailHook<[RequestInfo], Refusal>(["request"]),
    /**
     * Interceptor. A key asks what it may do (`GET /me`). Returns the description with what the plugin knows of the key with
     * this id, such as what is left of a budget.
     */
    describeKey: new AsyncSeriesWaterfallHook<[KeyDescription, string]>(["description", "keyId"]),
    /**
     * Interceptor. A request names a folder to work in. Returns the folder's absolute path, which is then checked like one
     * that the caller named; throw a `Refusal` to refuse. The first answer counts.
     */
    workdir: new AsyncSeriesBailHook<[WorkdirRequest], string>(["request"]),
    /** Interceptor. Returns the plan of the turn to run; `throw new Refusal(status, reason)` refuses the turn. */
    beforeExecute: new AsyncSeriesWaterfallHook<[TurnPlan, TurnInfo]>(["plan", "turn"]),
    /**
     * Interceptor. The CLI began a turn by itself, after background work; it is running and costs money. Return or throw
     * a `Refusal` to interrupt it and to end the session's background work.
     */
    backgroundTurn: new AsyncSeriesBailHook<[TurnInfo], Refusal>(["turn"]),
    /**
     * Interceptor. Returns the command, environment and options that the CLI is started with. The turn is undefined
     * where the CLI runs for no turn, for instance to list models.
     */
    spawn: new AsyncSeriesWaterfallHook<[SpawnPlan, TurnInfo | undefined]>(["plan", "turn"]),
    /**
     * Interceptor. Decides each tool call: allow, deny, or ask a person. Tapping it switches turns to ask mode.
     * The first answer counts. No answer, or a tap that fails, denies the call. The hook runs again after a person has
     * allowed the call, possibly hours later: a "deny" or a tap that fails then overrides the person, and nothing else.
     */
    approve: new AsyncSeriesBailHook<[ToolCall, TurnInfo], Verdict>(["call", "turn"]),
    /** Observer. A call waits for a person's decision; it is already in the ledger. */
    approvalRequested: new AsyncParallelHook<[Approval]>(["approval"]),
    /** Observer. A call was decided, has expired or was withdrawn. */
    approvalDecided: new AsyncParallelHook<[Approval]>(["approval"]),
    /** Observer. Every event of every turn, of all kinds, and of sessions between turns; `turn` is then the latest one. */
    event: new AsyncParallelHook<[TurnEvent, TurnInfo]>(["event", "turn"]),
    /** Observer. A turn ended, for whatever reason, and is recorded unless the ledger failed. Not called when it parks. */
    afterExecute: new AsyncParallelHook<[TurnInfo, TurnOutcome]>(["turn", "outcome"]),
    /**
     * Observer. A turn that ended without a cost, because the price of its model was unknown, has one at a price that was
     * learned later. The usage is all that the turn used. The ledger's totals do not change.
     */
    usagePriced: new AsyncParallelHook<[TurnInfo, TurnUsage]>(["turn", "usage"]),
    /** Observer. A share of a budget is used up, as a plugin with `quota` reports. */
    budgetWarning: new AsyncParallelHook<[BudgetWarning]>(["warning"]),
    /** Observer. A request was answered, or its client disconnected. */
    requestCompleted: new AsyncParallelHook<[CompletedRequest]>(["request"]),
    /** Observer. The port is open. */
    listening: new AsyncParallelHook<[ListenAddress]>(["address"]),
    /** Observer. The public URL changed; undefined if it no longer exists. */
    publicUrl: new AsyncParallelHook<[string | undefined]>(["url"]),
    /** Observer. A session was started. */
    sessionStart: new AsyncParallelHook<[SessionInfo]>(["session"]),
    /** Observer. A session was deleted. */
    sessionEnd: new AsyncParallelHook<[SessionInfo]>(["session"]),
    /** Awaited, within a deadline. The last chance to clean up while the gateway still answers requests. */
    closing: new AsyncSeriesHook<[]>([]),
  });
}

export type Hooks = ReturnType<typeof createHooks>;
export type HookName = keyof Hooks;
