import type { PageQuery } from "./page.js";

/** A denied call that its key approved afterwards: the same tool with the same input in the same directory, once. */
export interface GrantedCall {
  readonly toolUseId: string;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** The directory that the CLI's shell must be in, if that is not the turn's working directory. */
  readonly cwd?: string | undefined;
}

/** A tool call that Claude is about to make. */
export interface ToolCall {
  /** The CLI's id of the call; for a file that a prompt mentions, the turn's id. */
  readonly toolUseId: string;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** The turn's working directory, absolute. */
  readonly workdir: string;
  /**
   * The current directory of the CLI's shell, which relative paths start from. Unknown for calls of earlier versions.
   */
  readonly cwd?: string | undefined;
  /** Set if a subagent makes the call. */
  readonly agentId?: string | undefined;
}

/** How a call waits for a person; set by the plugin whose verdict is "ask". */
export interface AskTerms {
  /** How long the turn and its process are held, in seconds, before the turn parks (default: 60). */
  readonly liveWaitSecs?: number | undefined;
  /** After how many seconds an undecided call is denied (default: 24 h). */
  readonly expiresSecs?: number | undefined;
  /**
   * How long a subagent's call, or any call of a turn that can't park, waits for a decision, in seconds (default: 600).
   */
  readonly maxHoldSecs?: number | undefined;
  /**
   * Who may decide: `key` (the turn's own key), `admin`, `link`, or names of plugins that offer a channel. If unset,
   * all of them may.
   */
  readonly deciders?: readonly string[] | undefined;
}

/** What a tap of the `approve` hook answers. */
export type Verdict =
  | { readonly verdict: "allow" }
  | ({ readonly verdict: "ask" } & AskTerms)
  /** The model reads the message. */
  | { readonly verdict: "deny"; readonly message: string };

/** `withdrawn`: the turn ended for another reason, or a new prompt replaced it. */
export type ApprovalStatus = "pending" | "allowed" | "denied" | "expired" | "withdrawn";

/** A request for a person's decision on one tool call: pending, or settled in one of four ways. */
export interface Approval {
  /** A UUID. */
  readonly id: string;
  readonly sessionId: string;
  readonly turnId: string;
  readonly keyId: string;
  /** `question`: an AskUserQuestion call; its decision carries the answers. */
  readonly kind: "tool" | "question";
  readonly toolUseId: string;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** The turn's working directory. */
  readonly workdir: string;
  /**
   * The current directory of the CLI's shell, which relative paths start from. Unknown for requests of earlier
   * versions.
   */
  readonly cwd?: string | undefined;
  readonly status: ApprovalStatus;
  /** True: its turn has parked, and the decision resumes it. */
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
  /** With "deny": the message that the model reads. */
  readonly message?: string | undefined;
  /** With "allow": the input to run with instead. For a question: the answers, as `{answers: {question: label}}`. */
  readonly updatedInput?: Readonly<Record<string, unknown>> | undefined;
  /** `session`: allow this exact call again in this session without asking. */
  readonly scope?: "once" | "session" | undefined;
}

/** Who decides, and through which channel. */
export interface Decider {
  /** `key`, `admin`, `link`, or the name of the plugin that offers the channel. */
  readonly channel: string;
  /** A key id, or the person's name in that channel. */
  readonly who: string;
  /** Set if the decider is a key. It must own the request, or be the admin's key. */
  readonly keyId?: string | undefined;
  /** The origin of the decision: an address, or a chat. */
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

/** A call that was allowed for the rest of its session: the same tool with the same input in the same directory. */
export interface SessionGrant {
  /** A UUID. */
  readonly id: string;
  readonly sessionId: string;
  readonly keyId: string;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** The directory that the CLI's shell must be in. */
  readonly cwd?: string | undefined;
  /** The request whose decision granted it. */
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
  /** Newest first, without revoked ones. */
  readonly grants: readonly SessionGrant[];
  readonly total: number;
}
