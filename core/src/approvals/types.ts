import type { PageQuery } from "../ledger/ledger.js";

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
  readonly status: ApprovalStatus;
  /** True: its turn is not held any more; the decision will resume it. */
  readonly parked: boolean;
  /** ISO 8601, UTC. */
  readonly askedAt: string;
  readonly expiresAt: string;
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
