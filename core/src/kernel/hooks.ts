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
    /** Interceptor. A request was authenticated; return or throw a `Refusal` to turn it away, the first one wins. */
    request: new AsyncSeriesBailHook<[RequestInfo], Refusal>(["request"]),
    /** Interceptor. Returns the turn to run; `throw new Refusal(status, reason)` refuses it. */
    beforeExecute: new AsyncSeriesWaterfallHook<[TurnPlan, TurnInfo]>(["plan", "turn"]),
    /** Interceptor. Returns what `claude` starts with. */
    spawn: new AsyncSeriesWaterfallHook<[SpawnPlan]>(["plan"]),
    /**
     * Interceptor. Decides each tool call: allow, deny, or ask a person. Tapping it switches turns to ask mode.
     * The first answer counts; none, or a tap that breaks, is deny. It is called again when a person has allowed the call,
     * maybe hours later: "deny" stands above that.
     */
    approve: new AsyncSeriesBailHook<[ToolCall, TurnInfo], Verdict>(["call", "turn"]),
    /** Observer. A call waits for a person's decision; it is in the ledger. */
    approvalRequested: new AsyncParallelHook<[Approval]>(["approval"]),
    /** Observer. A call was decided, has expired or was withdrawn. */
    approvalDecided: new AsyncParallelHook<[Approval]>(["approval"]),
    /** Observer. A turn's stream as it happens. */
    event: new AsyncParallelHook<[TurnEvent, TurnInfo]>(["event", "turn"]),
    /** Observer. A turn ended, in whatever way. */
    afterExecute: new AsyncParallelHook<[TurnInfo, TurnOutcome]>(["turn", "outcome"]),
    /** Observer. A request was answered, or its client went away. */
    requestCompleted: new AsyncParallelHook<[CompletedRequest]>(["request"]),
    /** Observer. The port is open. */
    listening: new AsyncParallelHook<[ListenAddress]>(["address"]),
    /** Observer. The public address; undefined: it is gone. */
    publicUrl: new AsyncParallelHook<[string | undefined]>(["url"]),
    /** Observer. A session was started. */
    sessionStart: new AsyncParallelHook<[SessionInfo]>(["session"]),
    /** Observer. A session was deleted. */
    sessionEnd: new AsyncParallelHook<[SessionInfo]>(["session"]),
    /** Awaited, within a deadline: the last chance to tidy while the gateway still answers. */
    closing: new AsyncSeriesHook<[]>([]),
  });
}

export type Hooks = ReturnType<typeof createHooks>;
export type HookName = keyof Hooks;
