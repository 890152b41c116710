import type { Engine, LocalWork } from "@claudeway/ports";
import type { TurnQueue } from "@claudeway/scheduling";
import type { Sessions } from "./sessions.js";
import type { RunningTurns } from "./turns/running.js";

export interface LocalWorkParts {
  readonly engine: Engine;
  readonly queue: Pick<TurnQueue, "running" | "queued">;
  readonly maxRunning: number;
  readonly turns: RunningTurns;
  readonly sessions: Sessions;
}

/** What other nodes know and ask of this one. */
export function localWork({ engine, queue, maxRunning, turns, sessions }: LocalWorkParts): LocalWork {
  const letGo = async (sessionId: string) => {
    const isBusy = () => turns.ofSession(sessionId).length > 0 || engine.background(sessionId).length > 0;
    if (isBusy()) return false;
    await engine.release(sessionId);
    // What was said may be in this node's files alone.
    const isSaved = (await engine.saved?.(sessionId)) !== false;
    return isSaved && !isBusy();
  };
  return {
    load: () => ({ running: queue.running, queued: queue.queued, maxRunning }),
    carryOut: async (order, sessionId, caller) => {
      switch (order) {
        case "hand-over":
          return letGo(sessionId);
        case "interrupt":
          return sessions.interrupt(caller, sessionId);
        case "end-background":
          return sessions.endBackground(caller, sessionId);
        case "delete":
          await sessions.delete(caller, sessionId);
          return true;
      }
    },
  };
}
