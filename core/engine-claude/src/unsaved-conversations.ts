import type { SharedTranscripts } from "@claudeway/ports";
import type { Logger } from "pino";
import { noteTranscript, type Spawn } from "./local-transcripts.js";
import { Transcript } from "./transcript.js";
import { readNote } from "./transcript-note.js";

/** What a process's CLI has written to. */
export interface Written {
  readonly conversations: ReadonlySet<string>;
  readonly spawn: Spawn;
}

/** The sessions whose conversations are not stored as far as they go: they stay on this node. */
export class UnsavedConversations {
  /** Sessions with entries that only this node's files have. */
  readonly #unsaved = new Map<string, Written>();
  /** Those of them of which the store does not know that it lacks entries. */
  readonly #unnoted = new Set<string>();

  constructor(
    private readonly shared: SharedTranscripts,
    private readonly log: Logger,
  ) {}

  of(sessionId: string): Written | undefined {
    return this.#unsaved.get(sessionId);
  }

  /** Something of the session could not be stored. `epoch`: under which that was, if it is known. */
  async lost(sessionId: string, unsaved: Written, error: unknown, epoch: number | undefined): Promise<void> {
    this.#unsaved.set(sessionId, unsaved);
    this.log.error(
      { err: error, session_id: sessionId },
      "a session's conversation could not be stored; the session stays on this node until it is",
    );
    await this.#noteLacking(sessionId, unsaved, epoch);
  }

  /** All of the session is stored. */
  saved(sessionId: string): void {
    this.#unsaved.delete(sessionId);
    this.#unnoted.delete(sessionId);
  }

  /** Tries again what other nodes have to know of the session. */
  async noteAgain(sessionId: string, unsaved: Written): Promise<void> {
    if (this.#unnoted.has(sessionId)) await this.#noteLacking(sessionId, unsaved);
  }

  /** Has other nodes know that the session's conversation lacks its end. */
  async #noteLacking(sessionId: string, unsaved: Written, since?: number): Promise<void> {
    const claim = this.shared.held(sessionId);
    if (claim === undefined || (since !== undefined && since !== claim.epoch)) return;
    const { epoch } = claim;
    this.#unnoted.add(sessionId);
    try {
      for (const conversation of unsaved.conversations) {
        const seq = (await readNote(new Transcript(conversation, unsaved.spawn)))?.seq ?? 0;
        await noteTranscript(conversation, unsaved.spawn, { epoch, seq, lacking: epoch }, this.log);
      }
      await this.shared.transcripts.setLacking(claim, true);
      this.#unnoted.delete(sessionId);
    } catch (err) {
      this.log.error(
        { err, session_id: sessionId },
        "that a session's conversation lacks its end could not be noted",
      );
    }
  }
}
