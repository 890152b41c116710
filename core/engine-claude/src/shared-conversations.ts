import { rename } from "node:fs/promises";
import type { Claim, SharedTranscripts } from "@claudeway/ports";
import type { Logger } from "pino";
import { layOut } from "./lay-out.js";
import {
  isAhead,
  isCurrent,
  type LocalFile,
  localFile,
  noteTranscript,
  removeOthers,
  type Spawn,
  sizeOf,
} from "./local-transcripts.js";
import { placeTranscript } from "./place-transcript.js";
import { Transcript } from "./transcript.js";
import { type Repaired, TranscriptMirror } from "./transcript-mirror.js";
import { writeNote } from "./transcript-note.js";
import { keyOf, placeOf } from "./transcript-parts.js";
import { linesOf, repairTranscript, storedParts } from "./transcript-repair.js";
import { UnsavedConversations, type Written } from "./unsaved-conversations.js";

/** What a conversation is prepared for; see `prepare`. */
type Use = "read" | "go on" | "accept loss";

/** What the node can resume: the whole conversation, or one "lacking" its end, which is in another node's file. */
export type Preparation = "whole" | "lacking";

/**
 * The conversations that this node shares with others. What its CLIs write is mirrored to the store; before a CLI resumes a
 * conversation, or anything reads one, the node's own file is brought up to date. A note beside the file says which part of the
 * store it contains, under which epoch. So a file that an earlier owner left behind is never resumed.
 */
export class SharedConversations {
  /** Mirrors of live processes, by the gateway's id of the session. */
  readonly #live = new Map<string, TranscriptMirror>();
  readonly #unsaved: UnsavedConversations;
  /** What happens to the file of a conversation, one thing at a time. */
  readonly #order = new Map<string, Promise<unknown>>();

  constructor(
    private readonly shared: SharedTranscripts,
    private readonly log: Logger,
  ) {
    this.#unsaved = new UnsavedConversations(shared, log);
  }

  /**
   * Brings the node's file of a conversation up to date. Rejects if the store can't be read, the file can't be written, or the
   * conversation is another session's: the CLI says which one it goes on with, and its tools may speak for it.
   *
   * @param use "read": it is only read. "go on": a CLI resumes it, after what only this node's file has is stored. "accept
   *   loss": the same, even without what only another node's file has
   */
  prepare(conversation: string, spawn: Spawn, use: Use, sessionId = conversation): Promise<Preparation> {
    const before = this.#order.get(conversation) ?? Promise.resolve();
    const prepared = before.then(() => this.#prepare(conversation, spawn, use, sessionId));
    const settled = prepared.catch(() => undefined);
    this.#order.set(conversation, settled);
    void settled.then(() => {
      if (this.#order.get(conversation) === settled) this.#order.delete(conversation);
    });
    return prepared;
  }

  /** Stores a conversation that was not mirrored: a task's, a copy, or one that a session begins with. */
  async save(conversation: string, spawn: Spawn, sessionId = conversation): Promise<void> {
    const claim = this.shared.held(sessionId) ?? neverOwned(sessionId);
    const place = new Transcript(conversation, spawn);
    const { end } = await repairTranscript(this.shared.transcripts, claim, conversation, place);
    await writeNote(place, { epoch: claim.epoch, seq: end, size: await sizeOf(place) });
  }

  /** Stores the conversation of a task that waits: another node may go on with it. Never rejects. */
  async saveTask(sessionId: string, conversation: string, spawn: Spawn): Promise<void> {
    try {
      await this.save(conversation, spawn, sessionId);
    } catch (error) {
      await this.#unsaved.lost(
        sessionId,
        { conversations: new Set([conversation]), spawn },
        error,
        undefined,
      );
    }
  }

  /** Whether the store has all of the session's conversation; tries again to store what is missing. */
  async saved(sessionId: string): Promise<boolean> {
    const unsaved = this.#unsaved.of(sessionId);
    if (unsaved === undefined) return true;
    for (const conversation of unsaved.conversations)
      await this.prepare(conversation, unsaved.spawn, "go on", sessionId).catch(() => undefined);
    if (this.#unsaved.of(sessionId) === undefined) return true;
    await this.#unsaved.noteAgain(sessionId, unsaved);
    return false;
  }

  /**
   * What a process's CLI writes is stored through the mirror.
   *
   * @param fenced called when the session is another node's
   */
  mirror(sessionId: string, spawn: Spawn, fenced: () => void): ProcessMirror {
    /** More than one after `/clear`. */
    const conversations = new Set<string>();
    const mirror = new TranscriptMirror({
      transcripts: this.shared.transcripts,
      sessionId,
      claim: () => this.shared.held(sessionId),
      wrote: (conversation) => void conversations.add(conversation),
      lost: (error, epoch) => this.#unsaved.lost(sessionId, { conversations, spawn }, error, epoch),
      repair: (claim) => this.#repairAll(claim, { conversations, spawn }),
      fenced,
    });
    this.#live.set(sessionId, mirror);
    return {
      take: (path, entries) => mirror.take(path, entries),
      add: (conversation, line) => mirror.add({ conversation, subpath: "" }, [line]),
      flush: () => mirror.flush(),
      close: async () => {
        await mirror.close();
        const { epoch, end } = mirror;
        for (const conversation of conversations)
          if (mirror.isWhole && epoch !== undefined && end !== undefined)
            await noteTranscript(
              conversation,
              spawn,
              { epoch, seq: await this.#lastOf(conversation, end) },
              this.log,
            );
        if (this.#live.get(sessionId) === mirror) this.#live.delete(sessionId);
      },
    };
  }

  async #prepare(conversation: string, spawn: Spawn, use: Use, sessionId: string): Promise<Preparation> {
    const { transcripts } = this.shared;
    const stored = await transcripts.find(conversation);
    if (stored !== undefined && stored.sessionId !== sessionId)
      throw new Error(`the conversation ${conversation} is not of the session ${sessionId}`);
    // Its CLI works with the file, and only this node does.
    if (this.#live.has(sessionId)) return "whole";
    const claim = this.shared.held(sessionId);
    const lackingSince = (await transcripts.session(sessionId))?.lackingSince;
    const local = await localFile(conversation, spawn);
    const isOurs = local !== undefined && isAhead(local, stored);
    const isLacking = lackingSince !== undefined && !(isOurs && local.note?.lacking === lackingSince);
    // Its end may not be stored: only the session's owner may do that.
    if (isOurs && (claim === undefined || use === "read")) return isLacking ? "lacking" : "whole";
    if (isOurs && claim !== undefined && !isLacking) {
      const place = new Transcript(conversation, spawn);
      if (isCurrent(local, stored, place)) return "whole";
      const repaired = await this.#repair(claim, conversation, local, lackingSince !== undefined);
      if (!repaired.filesLack && local.place.path === place.path) {
        const seq = await this.#lastOf(conversation, repaired.end);
        await noteTranscript(conversation, spawn, { epoch: claim.epoch, seq }, this.log);
        return "whole";
      }
    }
    const accepts = use === "accept loss";
    if (isLacking && accepts && claim !== undefined) {
      await transcripts.setLacking(claim, false);
      this.log.warn({ session_id: sessionId }, "a session goes on without the end of its conversation");
    }
    if (stored !== undefined || isOurs)
      await this.#layOut(conversation, spawn, claim, isOurs ? undefined : local);
    return isLacking && !accepts ? "lacking" : "whole";
  }

  async #repair(
    claim: Claim,
    conversation: string,
    local: LocalFile,
    wasLacking: boolean,
  ): Promise<Repaired> {
    const { transcripts } = this.shared;
    const repaired = await repairTranscript(transcripts, claim, conversation, local.place);
    if (wasLacking) await transcripts.setLacking(claim, false);
    this.#unsaved.saved(claim.sessionId);
    return repaired;
  }

  async #repairAll(
    claim: Claim,
    { conversations, spawn }: Written,
  ): Promise<Pick<Repaired, "end" | "known">> {
    const { transcripts } = this.shared;
    const known = new Set<string>();
    let end = 0;
    for (const conversation of conversations) {
      const place = new Transcript(conversation, spawn);
      const repaired = await repairTranscript(transcripts, claim, conversation, place);
      for (const key of repaired.known) known.add(key);
      end = repaired.end;
    }
    await transcripts.setLacking(claim, false);
    this.#unsaved.saved(claim.sessionId);
    this.log.info({ session_id: claim.sessionId }, "a session's conversation is stored completely again");
    return { end, known };
  }

  /** The number of a conversation's last part: that of the session, unless the session has another conversation. */
  async #lastOf(conversation: string, end: number): Promise<number> {
    const stored = await this.shared.transcripts.find(conversation).catch(() => undefined);
    return stored?.seq ?? end;
  }

  /** Writes the files anew. `stale`: a file that is replaced; what only it has is kept beside it. */
  async #layOut(
    conversation: string,
    spawn: Spawn,
    claim: Claim | undefined,
    stale: LocalFile | undefined,
  ): Promise<void> {
    const place = new Transcript(conversation, spawn);
    const began = performance.now();
    let epoch = claim?.epoch ?? 0;
    const parts = storedParts(this.shared.transcripts, conversation);
    const noting = async function* () {
      for await (const part of parts) {
        epoch = Math.max(epoch, part.epoch);
        yield part;
      }
    };
    if (stale !== undefined) await this.#keepStale(conversation, stale);
    const { seq, entries } = await layOut(noting(), place);
    if (seq === 0) return;
    await removeOthers(conversation, place);
    await writeNote(place, { epoch, seq, size: await sizeOf(place) });
    const ms = Math.round(performance.now() - began);
    this.log.info({ conversation, entries, ms, stale: stale !== undefined }, "a conversation was laid out");
  }

  /** Keeps a file that is about to be replaced, if it has entries that the store lacks. */
  async #keepStale(conversation: string, { place }: LocalFile): Promise<void> {
    const stored = new Set<string>();
    for await (const { subpath, lines } of storedParts(this.shared.transcripts, conversation))
      if (subpath === "") for (const line of lines) stored.add(keyOf(line));
    let lost = 0;
    // Lines without an id are the CLI's notes to itself.
    for await (const line of linesOf(place, "")) if (keyOf(line) !== line && !stored.has(keyOf(line))) lost++;
    if (lost === 0) return;
    const { path: kept } = placeOf(place, "", ".stale");
    await placeTranscript(place, (path) => rename(path, placeOf({ ...place, path }, "", ".stale").path));
    this.log.warn(
      { conversation, entries: lost, kept },
      "a conversation went on at another node without entries that only this node's file has; the file is kept",
    );
  }
}

/** The mirror of one process. */
export interface ProcessMirror {
  take(path: string, entries: readonly unknown[]): void;
  /** Notes a line that the gateway itself has added to a conversation. */
  add(conversation: string, line: string): void;
  /**
   * Resolves when everything so far is stored, or known to be lacking. False: the session is another node's, and what the CLI
   * has said since counts for nothing. Never rejects.
   */
  flush(): Promise<boolean>;
  /** The process has ended, and its output was read. Never rejects. */
  close(): Promise<void>;
}

/** The claim on a session that was just created, and that no node has had. */
function neverOwned(sessionId: string): Claim {
  return { sessionId, epoch: 0, lost: new AbortController().signal };
}
