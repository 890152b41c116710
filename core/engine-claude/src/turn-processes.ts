import { unlessAborted } from "@claudeway/core/host";
import type { EngineTurn, ProcessStart } from "@claudeway/ports";
import { withResults } from "./call-results.js";
import { liveSettings } from "./live-settings.js";
import { cliSessionOf, termsOf } from "./options.js";
import { type PlacedTurn, placePrompt } from "./placed-prompt.js";
import type { KeptProcess } from "./pool.js";
import type { ClaudeProcess } from "./process.js";
import type { SessionProcesses, SessionProcessesParts } from "./session-processes.js";
import type { Preparation, SharedConversations } from "./shared-conversations.js";
import type { LaunchSpec } from "./spares.js";
import { NO_TOTALS } from "./totals.js";
import { Transcript } from "./transcript.js";

/** A process for a turn, and the turn as it runs there. */
export interface TakenProcess {
  readonly child: ClaudeProcess;
  readonly process: ProcessStart;
  readonly turn: EngineTurn;
  /** The conversation that the process resumes ends with the turn's prompt. */
  readonly placed: boolean;
}

/** The conversation to resume does not exist, or its end is on another node. */
export type NotTaken = "no conversation" | "incomplete";

export interface TurnProcessesParts extends SessionProcessesParts {
  readonly sessions: SessionProcesses;
  /** Set where other nodes go on with the conversations. */
  readonly shared: SharedConversations | undefined;
}

/** Finds or starts the processes that turns run in. */
export class TurnProcesses {
  constructor(private readonly parts: TurnProcessesParts) {}

  /** The session's own live process, or one that was started ahead, or a new one. */
  async take(
    turn: EngineTurn,
    launchSpec: LaunchSpec | undefined,
    resume: boolean,
    stop: AbortSignal,
  ): Promise<TakenProcess | NotTaken> {
    const { sessionId } = turn.info;
    // A conversation that has the prompt has its results, too.
    const needsResults = turn.promptSent !== true && this.parts.pool.keeps(sessionId);
    const answered = needsResults ? withResults(turn, turn.totals?.calls ?? []) : turn;
    // About a call that was kept only a CLI asks that is resumed.
    const shared = turn.parkedCall === undefined ? launchSpec : undefined;
    if (shared === undefined) await this.parts.pool.release(sessionId, "replaced");
    const kept = shared && (await this.#takeKept(turn, shared, stop));
    if (kept !== undefined) {
      const process = this.parts.sessions.has(kept) ? "live" : "prewarmed";
      return { child: kept, process, turn: answered, placed: false };
    }
    if (resume && (await this.#prepare(turn)) === "lacking") return "incomplete";
    const prompt: PlacedTurn | "missing" = resume
      ? await placePrompt(turn, this.parts.log)
      : { turn: withResults(turn, []), placed: false };
    if (prompt === "missing") return "no conversation";
    const child = await this.parts.pool.start(() => this.#start(turn, resume, prompt), stop);
    return { child, process: "cold", turn: prompt.turn, placed: prompt.placed };
  }

  /** Brings the conversation to this node if another node had it last. */
  async #prepare(turn: EngineTurn): Promise<Preparation> {
    const use = turn.restart ? "accept loss" : "go on";
    return (
      (await this.parts.shared?.prepare(cliSessionOf(turn), turn.spawn, use, turn.info.sessionId)) ?? "whole"
    );
  }

  /** The session's live process with the turn's settings; undefined if no process can have them. */
  async #takeKept(
    turn: EngineTurn,
    { fingerprint }: LaunchSpec,
    stop: AbortSignal,
  ): Promise<ClaudeProcess | undefined> {
    const { sessionId } = turn.info;
    const wanted = liveSettings(turn.plan.model, turn.plan.options ?? {});
    const settingsOf = (child: ClaudeProcess) => this.parts.launcher.settingsOf(child);
    const suits = (kept: KeptProcess) =>
      kept.fingerprint === fingerprint && settingsOf(kept.child)?.canBecome(wanted) === true;
    const child = await this.parts.pool.take(sessionId, suits, stop);
    if (child === undefined) return undefined;
    try {
      const change = settingsOf(child)?.become(wanted, turn, (make) => child.change(make));
      await unlessAborted(change ?? Promise.resolve(), stop);
      return child;
    } catch (error) {
      await this.parts.pool.end(sessionId, child, stop.aborted ? "now" : "clean", "replaced");
      if (stop.aborted) throw stop.reason;
      this.parts.log.warn({ err: error }, "a process could not be given a turn's settings and is replaced");
      return undefined;
    }
  }

  /** Starts a process for the turn. For a resumed session, records the totals that it continues from. */
  #start(turn: EngineTurn, resume: boolean, { placed: promptPlaced, entry }: PlacedTurn): ClaudeProcess {
    const saved = resume ? new Transcript(cliSessionOf(turn), turn.spawn).savedTotals() : NO_TOTALS;
    const child = this.parts.launcher.start({ ...termsOf(turn), promptPlaced }, resume);
    this.parts.accounts.open(child, saved);
    if (entry !== undefined) child.mirror?.add(cliSessionOf(turn), entry);
    return child;
  }
}
