import type {
  ModelTotalsRow,
  PageQuery,
  PromptText,
  SessionFilter,
  SessionPage,
  SessionRecord,
  TurnPage,
} from "@claudeway/ports";
import type { BackgroundTask, FileList, SessionMessages } from "@claudeway/schemas";

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
