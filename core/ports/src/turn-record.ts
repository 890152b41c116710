import type { ChildNote } from "./engine.js";
import type { ParkedTurn, TurnEnd, TurnInfo, TurnUsage } from "./turns.js";

/** ISO 8601, UTC, milliseconds: `2026-03-12T10:00:00.000Z`. */
export type Instant = string;

/** What is stored of a prompt. Its text never is. */
export interface PromptMark {
  /** Length in UTF-8. */
  readonly bytes: number;
  /** SHA-256, in hex. */
  readonly sha256: string;
}

export interface NewTurn extends TurnInfo {
  /** The route that started the turn, such as `POST /session/:id`. */
  readonly route: string;
  /** The model asked for. */
  readonly model: string;
  readonly prompt: PromptMark;
}

export interface TurnRecord extends NewTurn {
  /** The process that runs or ran the turn. */
  readonly process: ChildNote | undefined;
  /** While the turn runs, its usage so far. */
  readonly usage: TurnUsage;
  /** Undefined while the turn runs, or is parked. */
  readonly ended: EndedTurn | undefined;
  /** Set while the turn waits for a person or a usage limit, and no process runs it. */
  readonly parked: ParkedTurn | undefined;
  /** True: it has been parked before, and what it had used until then is in the totals. */
  readonly wasParked?: boolean | undefined;
}

export interface EndedTurn {
  readonly end: TurnEnd;
  readonly at: Instant;
  /** The model that answered, if known; otherwise the requested model. */
  readonly model: string;
  readonly durationMs: number;
  readonly queuedMs: number;
  readonly exitCode: number | null;
}
