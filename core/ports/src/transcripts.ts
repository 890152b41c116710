import type { Claim } from "./claim.js";

/** Lines of one file of a conversation, in their order, as the CLI wrote them. */
export interface TranscriptPart {
  /** The CLI's own id of the session: another one than the gateway's after `/clear`. */
  readonly conversation: string;
  /** Empty for the conversation itself; `subagents/agent-a63d5` for a subagent's. */
  readonly subpath: string;
  /** Each is JSON, without a line break. */
  readonly lines: readonly string[];
}

export interface StoredPart extends TranscriptPart {
  /** Its number in the session. */
  readonly seq: number;
  /** Under which it was written. */
  readonly epoch: number;
}

/** Where the record of a conversation ends. */
export interface StoredConversation {
  /** The gateway's id of its session. */
  readonly sessionId: string;
  /** The number and the epoch of its last part. */
  readonly seq: number;
  readonly epoch: number;
}

/** The record of a session: of its conversation, and of those before each `/clear`. */
export interface SessionTranscript {
  /** The number of the last part; 0 before the first. */
  readonly end: number;
  /** The epoch under which entries were lost on their way here; undefined if the record is whole. */
  readonly lackingSince: number | undefined;
}

/** What became of a part: its number, or why it was not stored. */
export type AppendOutcome =
  | number
  /** The session was deleted; nothing needs to be kept. */
  | "deleted"
  /** The session's record would be larger than is allowed. */
  | "too large";

/**
 * The conversations of sessions as the CLI keeps them in files, in a store that all nodes share. The files stay what the
 * CLI works with; see the engine for how they are laid out at a node that takes a session over.
 */
export interface Transcripts {
  /** Undefined: the session does not exist, or was deleted. */
  session(sessionId: string): Promise<SessionTranscript | undefined>;
  /** Undefined: nothing of the conversation is stored. */
  find(conversation: string): Promise<StoredConversation | undefined>;
  /** The parts with a higher number than `after`, in their order: at least one if there are any, about 4 MB at most. */
  read(conversation: string, after: number): Promise<readonly StoredPart[]>;
  /**
   * Adds a part after that with the number `after`, which must be the session's last one; the same call again changes
   * nothing. Rejects with a FencedError if the claim is lost: its epoch is checked in the statement that writes.
   */
  append(claim: Claim, part: TranscriptPart, after: number): Promise<AppendOutcome>;
  /** Notes whether entries are missing that only a file of this node has. Rejects with a FencedError if the claim is lost. */
  setLacking(claim: Claim, isLacking: boolean): Promise<void>;
}

/** How an engine that shares its conversations with other nodes reaches them. */
export interface SharedTranscripts {
  readonly transcripts: Transcripts;
  /** This node's claim on a session; undefined if another node may have it. */
  held(sessionId: string): Claim | undefined;
}
