import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import {
  type ConversationFork,
  type ConversationRef,
  type Engine,
  GatewayError,
  type Ledger,
  type Ownership,
  retryLater,
  type SessionRecord,
} from "@claudeway/ports";
import type { SessionForked } from "@claudeway/schemas";
import { copyFolder, fileError, type Workdirs } from "@claudeway/workdirs";
import type { SessionHistory } from "./history.js";

export interface ForkParts {
  readonly engine: Pick<Engine, "conversations">;
  readonly ledger: Ledger;
  readonly ownership: Ownership;
  readonly history: SessionHistory;
  /** The turns that run. */
  readonly turns: { ofSession(sessionId: string): readonly unknown[]; get(turnId: string): unknown };
  /** Throws UNAVAILABLE while nothing can be recorded. */
  readonly checkLedger: () => void;
  /** The turns that wait for a decision or a usage limit. */
  readonly parked: { ofSession(sessionId: string): Promise<unknown> };
  readonly workdirs: Workdirs;
  /** The largest workdir that is copied. */
  readonly maxBytes: number;
}

/** Forks that are made at once, of one key and of all: each copies a conversation and perhaps a folder. */
const MAX_PER_KEY = 2;
const MAX_FORKS = 4;

/** Makes sessions that begin with what was said in another one. */
export class SessionForks {
  /** The keys of the forks that are being made. */
  #running: readonly string[] = [];

  constructor(private readonly parts: ForkParts) {}

  /** Forks a session at the end of its turn `at`, or where it is now. `hidden`: lists leave the fork out. */
  async fork(session: SessionRecord, at: string | undefined, hidden = false): Promise<SessionForked> {
    this.parts.checkLedger();
    const { keyId } = session;
    const own = this.#running.filter((one) => one === keyId);
    if (own.length >= MAX_PER_KEY || this.#running.length >= MAX_FORKS) {
      throw retryLater("too many sessions are being forked at once; try again", 1);
    }
    this.#running = [...this.#running, keyId];
    try {
      return await this.#fork(session, at, hidden);
    } finally {
      this.#running = this.#running.toSpliced(this.#running.indexOf(keyId), 1);
    }
  }

  async #fork(session: SessionRecord, at: string | undefined, hidden: boolean): Promise<SessionForked> {
    const { history, workdirs } = this.parts;
    if (at === undefined) await this.#refuseBusy(session.id);
    else await this.#refuseOpen(session.id, at);
    const ref = await history.refOf(session);
    const { id, conversation } = await this.#copyConversation(session, ref, at);
    if (at === undefined) await this.#refuseBusy(session.id, conversation);
    try {
      const workdir = session.ownsWorkdir ? await this.#copyWorkdir(session, id) : session.workdir;
      return await this.#record({ session, at, hidden }, id, workdir, conversation);
    } catch (error) {
      if (session.ownsWorkdir) await workdirs.remove(id, workdirs.pathOf(id));
      if (conversation !== undefined) await this.parts.engine.conversations?.discard(conversation);
      throw fileError(error) ?? error;
    }
  }

  /** If the folder is missing, the fork begins in an empty one. */
  async #copyWorkdir({ workdir, keyId }: SessionRecord, id: string): Promise<string> {
    const { path } = await this.parts.workdirs.ofSession(id, undefined, keyId);
    if (existsSync(workdir)) await copyFolder(workdir, path, this.parts.maxBytes);
    return path;
  }

  /** Throws CONFLICT: where a conversation ends that goes on is not known. */
  async #refuseBusy(sessionId: string, copy?: ConversationRef): Promise<void> {
    const isParked = (await this.parts.parked.ofSession(sessionId)) !== undefined;
    if (!isParked && this.parts.turns.ofSession(sessionId).length === 0) return;
    if (copy !== undefined) await this.parts.engine.conversations?.discard(copy);
    const why = isParked ? "is parked" : "runs";
    throw new GatewayError("CONFLICT", `a turn of the session ${why}; at must name an earlier turn`);
  }

  /** Throws CONFLICT where the turn that is to be the last one has not ended. One of another session is not looked at. */
  async #refuseOpen(sessionId: string, turnId: string): Promise<void> {
    const turn = await this.parts.ledger.turns.get(turnId);
    const isOpen = turn?.parked !== undefined || this.parts.turns.get(turnId) !== undefined;
    if (turn?.sessionId === sessionId && isOpen)
      throw new GatewayError("CONFLICT", "at must be a turn that has ended");
  }

  /** The fork's id, with its conversation; without one where nothing was said yet. */
  async #copyConversation(
    session: SessionRecord,
    ref: ConversationRef,
    at: string | undefined,
  ): Promise<{ id: string; conversation: ConversationRef | undefined }> {
    const { engine, history, workdirs } = this.parts;
    if (session.cliTotals === undefined && at === undefined)
      return { id: randomUUID(), conversation: undefined };
    const promptId = at === undefined ? undefined : await history.promptIdOf(session, at);
    if (at !== undefined && promptId === undefined) throw refusalOf("no such turn");
    const copy = await engine.conversations?.fork(ref, {
      promptId,
      cwdOf: (id) => (session.ownsWorkdir ? workdirs.pathOf(id) : session.workdir),
    });
    if (typeof copy === "object") return { id: copy.session, conversation: copy };
    throw refusalOf(copy);
  }

  async #record(
    { session, at, hidden }: { session: SessionRecord; at: string | undefined; hidden: boolean },
    id: string,
    workdir: string,
    conversation: ConversationRef | undefined,
  ): Promise<SessionForked> {
    const { keyId, kind, model, systemPrompt, options, ownsWorkdir, cliTotals } = session;
    const createdAt = new Date().toISOString();
    const { ledger, ownership } = this.parts;
    const fork = {
      id,
      keyId,
      kind,
      model,
      systemPrompt,
      options,
      workdir,
      ownsWorkdir,
      createdAt,
      ...(hidden && { hidden }),
      // The copy has no totals: its CLI begins at nothing.
      ...(conversation !== undefined && {
        cliTotals: {
          answered: true,
          bases: [{}],
          ...(cliTotals?.planMode === true && { planMode: true }),
        },
      }),
    };
    const { owner } = ownership;
    await ledger.sessions.create(fork, owner);
    if (conversation !== undefined) await this.parts.history.save(conversation);
    ownership.created(id, owner);
    const from = { session_id: session.id, turn_id: at ?? null };
    return { session_id: id, workdir, created_at: createdAt, forked_from: from };
  }
}

function refusalOf(outcome: Exclude<ConversationFork, ConversationRef> | undefined): GatewayError {
  if (outcome === "no such turn")
    return new GatewayError("BAD_REQUEST", "at must be a turn that is in the session's conversation");
  if (outcome === "missing") return new GatewayError("CONFLICT", "the session's transcript is lost");
  return new GatewayError("CONFLICT", "the session's transcript can't be read or copied by the gateway");
}
