import type { SessionTotals } from "@claudeway/ports";
import type { Ran, TurnParts } from "../engine-claude/stage.js";

/** What runs turns at a home: an engine in this process, or one in a process of its own. */
export interface HomeEngine {
  run(prompt: string, more: HomeTurn): Promise<Ran>;
  /** Ends the session's process cleanly. */
  release(session: string): Promise<void>;
  close(): Promise<void>;
}

export type HomeTurn = Omit<TurnParts, "decider" | "totals" | "needsPermission" | "questions"> & {
  readonly session: string;
  readonly totals?: SessionTotals | undefined;
  /** How a call of the tool Bash or Write is answered where it is asked about. */
  readonly answer?: "allow" | "defer";
};
