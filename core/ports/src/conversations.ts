import type { ContentBlock, ConversationMessage } from "@claudeway/schemas";
import type { PageQuery } from "./page.js";
import type { TurnOrigin } from "./turns.js";

/** Names a conversation: what a session's CLI keeps of it. */
export interface ConversationRef {
  /** The CLI's own id of the session. */
  readonly session: string;
  /** The gateway's id of the session, whose conversation it must be; undefined: the same. */
  readonly of?: string;
  /** How the session's CLI is started: a `SpawnPlan`, of which this says where the CLI keeps the conversation. */
  readonly spawn: { readonly cwd: string; readonly env: Readonly<Record<string, string>> };
}

/** A turn as the CLI recorded it. */
export interface ConversationTurn {
  /** The id of its prompt's message: the turn's own id, where this version of the gateway sent the prompt. */
  readonly promptId: string;
  /** When its prompt was recorded, ISO 8601, UTC. */
  readonly at: string;
  readonly origin: TurnOrigin;
  /** True: it was copied from the conversation that this one was forked from. */
  readonly forked: boolean;
  readonly messages: readonly ConversationMessage[];
  /** True: messages were left out, because the page became too large. */
  readonly truncated: boolean;
}

export interface ConversationPage {
  /** Latest first. */
  readonly turns: readonly ConversationTurn[];
  /** How many turns there are on all pages. */
  readonly total: number;
}

/** What is to be copied of a conversation. */
export interface ForkRequest {
  /** The last turn to copy, by the id of its prompt; undefined: all. */
  readonly promptId: string | undefined;
  /** The folder that the copy's CLI will run in, by the id of the copy. */
  cwdOf(session: string): string;
}

/** The copy of a conversation, or why there is none. */
export type ConversationFork = ConversationRef | "missing" | "unreadable" | "no such turn";

/** A message that a session's conversation begins with, although this gateway did not run its turn. */
export interface HistoryMessage {
  readonly role: "user" | "assistant";
  /** Of the assistant, text and calls of client tools; no block may be a file. */
  readonly content: string | readonly HistoryBlock[];
}

export type HistoryBlock = ContentBlock | ToolUseBlock;

/** A call of a client tool, in an answer of the assistant. */
export interface ToolUseBlock {
  readonly type: "tool_use";
  readonly id: string;
  /** The client's name of the tool. */
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** A prompt, or its beginning. */
export interface PromptText {
  readonly text: string;
  /** Length of the whole prompt. */
  readonly chars: number;
}

/** Reads what the CLI recorded of conversations. */
export interface Conversations {
  /** `missing`: there is no record of it; `unreadable`: the gateway may not read it. Bounded in time and memory. */
  read(conversation: ConversationRef, query: PageQuery): Promise<ConversationPage | "missing" | "unreadable">;
  /** All turns, without their messages, the earliest first. */
  outline(conversation: ConversationRef): Promise<readonly ConversationTurn[] | "missing" | "unreadable">;
  /** Copies a conversation, so that a session of its own goes on from there. Its CLI starts without any totals. */
  fork(conversation: ConversationRef, request: ForkRequest): Promise<ConversationFork>;
  /**
   * Records a new conversation that consists of these messages, so that its CLI resumes it. `unreadable`: the gateway may
   * not write where the CLI reads.
   */
  create(
    conversation: ConversationRef,
    messages: readonly HistoryMessage[],
  ): Promise<"created" | "unreadable">;
  /**
   * Stores a conversation that was copied or created for other nodes, once its session exists. Does nothing without a
   * cluster. Rejects if it can't be stored.
   */
  save?(conversation: ConversationRef): Promise<void>;
  /** Removes the record of a conversation. */
  discard(conversation: ConversationRef): Promise<void>;
  /** The prompts that were sent under these ids, as far as they are found. */
  prompts(conversation: ConversationRef, ids: ReadonlySet<string>): Promise<ReadonlyMap<string, PromptText>>;
}
