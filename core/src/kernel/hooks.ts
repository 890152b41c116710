import { AsyncParallelHook, AsyncSeriesBailHook, AsyncSeriesHook, AsyncSeriesWaterfallHook } from "tapable";
import type { Refusal } from "../errors.js";
import type { Approval, ToolCall, Verdict } from "../ports/approvals.js";
import type { SpawnPlan } from "../ports/engine.js";
import type { TurnEvent, TurnInfo, TurnOutcome, TurnPlan } from "../ports/turns.js";

/** A request that was let in, before its route runs. */
export interface RequestInfo {
  /** Names the request in the log; the client gets it when something breaks. */
  readonly id: string;
  readonly method: string;
  /** Path without the query string. */
  readonly path: string;
  readonly keyId: string;
  /** The peer's address, as the socket tells it. */
  readonly remoteAddress: string;
  /** Names in lower case; `authorization` and `cookie` are left out. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** A request whose answer has been sent, or whose client has gone. */
export interface CompletedRequest {
  readonly id: string;
  readonly method: string;
  /** Path without the query string, tokens in it redacted. */
  readonly path: string;
  /** 499 where the client left before its answer began. */
  readonly status: number;
  readonly durationMs: number;
  /** Null: nobody was authenticated. */
  readonly keyId: string | null;
}

/** A session that has begun or ended. */
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
  /** With a host that a browser on this machine can open. */
  readonly url: string;
}

/**
 * Every hook of the gateway. Interceptor hooks (bail, waterfall) are awaited tap by tap, each within a deadline, and a
 * tap that breaks refuses the one request or turn. Observer hooks (parallel) never delay or fail an answer.
 */
export function createHooks() {
  return Object.freeze({
    /** Deciding. A request was authenticated; return or throw a `Refusal` to turn it away, the first one wins. */
    request: new AsyncSeriesBailHook<[RequestInfo], Refusal>(["request"]),
    /** Deciding. Returns the turn to run; `throw new Refusal(status, reason)` refuses it. */
    beforeExecute: new AsyncSeriesWaterfallHook<[TurnPlan, TurnInfo]>(["plan", "turn"]),
    /** Deciding. Returns what `claude` starts with. */
    spawn: new AsyncSeriesWaterfallHook<[SpawnPlan]>(["plan"]),
    /**
     * Deciding, and its being tapped at all makes turns ask: whether a tool call runs, is put to a person, or is denied.
     * The first answer counts; none, or a tap that breaks, is deny. It is called again when a person has allowed the call,
     * maybe hours later: "deny" stands above that.
     */
    approve: new AsyncSeriesBailHook<[ToolCall, TurnInfo], Verdict>(["call", "turn"]),
    /** Telling. A call waits for a person's decision; it is in the ledger. */
    approvalRequested: new AsyncParallelHook<[Approval]>(["approval"]),
    /** Telling. A call was decided, has expired or was withdrawn. */
    approvalDecided: new AsyncParallelHook<[Approval]>(["approval"]),
    /** Telling. A turn's stream as it happens. */
    event: new AsyncParallelHook<[TurnEvent, TurnInfo]>(["event", "turn"]),
    /** Telling. A turn ended, in whatever way. */
    afterExecute: new AsyncParallelHook<[TurnInfo, TurnOutcome]>(["turn", "outcome"]),
    /** Telling. A request was answered, or its client went away. */
    requestCompleted: new AsyncParallelHook<[CompletedRequest]>(["request"]),
    /** Telling. The port is open. */
    listening: new AsyncParallelHook<[ListenAddress]>(["address"]),
    /** Telling. The address that the world sees; undefined: it is gone. */
    publicUrl: new AsyncParallelHook<[string | undefined]>(["url"]),
    /** Telling. A session was started. */
    sessionStart: new AsyncParallelHook<[SessionInfo]>(["session"]),
    /** Telling. A session was deleted. */
    sessionEnd: new AsyncParallelHook<[SessionInfo]>(["session"]),
    /** Awaited, within a deadline: the last chance to tidy while the gateway still answers. */
    closing: new AsyncSeriesHook<[]>([]),
  });
}

export type Hooks = ReturnType<typeof createHooks>;
export type HookName = keyof Hooks;
