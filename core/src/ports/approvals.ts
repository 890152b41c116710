import type { PageQuery } from "./page.js";

/** A tool call that Claude is about to make. */
export interface ToolCall {
  readonly toolUseId: string;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** The turn's working directory, absolute. */
  readonly workdir: string;
  /** Where the CLI's shell stands at the moment, which relative paths count from; not known of a call from before. */
  readonly cwd?: string | undefined;
  /** Set where a subagent makes the call. */
  readonly agentId?: string | undefined;
}

/** How a call waits for a person, as the plugin that wants one asked says it. */
export interface AskTerms {
  /** How long the turn is held, in seconds, before it parks (default: 60). */
  readonly liveWaitSecs?: number | undefined;
  /** After how many seconds an undecided call is denied (default: 24 h). */
  readonly expiresSecs?: number | undefined;
  /** How long a call is held that can't be parked, in seconds (default: 600). */
  readonly maxHoldSecs?: number | undefined;
  /**
   * Who may decide: `key` (whose turn it is), `admin`, `link`, or the names of plugins that are channels.
   * Not set: all of them.
   */
  readonly deciders?: readonly string[] | undefined;
}

/** What the `approve` hook answers. */
export type Verdict =
  | { readonly verdict: "allow" }
  | ({ readonly verdict: "ask" } & AskTerms)
  /** The model reads the message. */
  | { readonly verdict: "deny"; readonly message: string };

/** `withdrawn`: the turn ended otherwise, or a new prompt took its place. */
export type ApprovalStatus = "pending" | "allowed" | "denied" | "expired" | "withdrawn";

/** A tool call that waits, or waited, for a person's decision. */
export interface Approval {
  /** A UUID. */
  readonly id: string;
  readonly sessionId: string;
  readonly turnId: string;
  readonly keyId: string;
  /** `question`: an AskUserQuestion, whose decision carries the answers. */
  readonly kind: "tool" | "question";
  readonly toolUseId: string;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** The turn's working directory. */
  readonly workdir: string;
  /** Where the CLI's shell stood, which relative paths count from; not known of a request from an earlier version. */
  readonly cwd?: string | undefined;
  readonly status: ApprovalStatus;
  /** True: its turn is not held any more; the decision will resume it. */
  readonly parked: boolean;
  /** ISO 8601, UTC. */
  readonly askedAt: string;
  readonly expiresAt: string;
  /** See `AskTerms`. */
  readonly deciders: readonly string[] | undefined;
  readonly decision: DecisionRecord | undefined;
}

/** What a person decides. */
export interface Decision {
  readonly decision: "allow" | "deny";
  /** With "deny": what the model is told. */
  readonly message?: string | undefined;
  /** With "allow": the input to run with instead. Of a question: the answers, as `{answers: {question: label}}`. */
  readonly updatedInput?: Readonly<Record<string, unknown>> | undefined;
  /** `session`: this exact call is allowed again in this session without asking. */
  readonly scope?: "once" | "session" | undefined;
}

/** Who decides, and through what. */
export interface Decider {
  /** `key`, `admin`, `link`, or the name of the plugin whose channel it came through. */
  readonly channel: string;
  /** A key id, or a person's name in that channel. */
  readonly who: string;
  /** Set where the decider is a key: it must own the request, or be the admin's. */
  readonly keyId?: string | undefined;
  /** Where from: an address, a chat. */
  readonly from?: string | undefined;
}

export interface DecisionRecord extends Decision {
  readonly by: Decider;
  readonly at: string;
}

export interface ApprovalFilter {
  readonly keyId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly status?: ApprovalStatus | undefined;
}

export interface ApprovalPage extends PageQuery {
  readonly approvals: readonly Approval[];
  readonly total: number;
}

/** A call that was allowed for the rest of its session: the same tool with the same input, in the same folder, runs unasked. */
export interface SessionGrant {
  /** A UUID. */
  readonly id: string;
  readonly sessionId: string;
  readonly keyId: string;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** Where the CLI's shell has to stand. */
  readonly cwd?: string | undefined;
  /** The request on which it was given. */
  readonly approvalId: string;
  readonly by: Decider;
  readonly at: string;
  readonly revokedAt: string | undefined;
}

export interface GrantFilter {
  readonly keyId?: string | undefined;
  readonly sessionId?: string | undefined;
}

export interface GrantPage extends PageQuery {
  /** The newest first, without those that were revoked. */
  readonly grants: readonly SessionGrant[];
  readonly total: number;
}
