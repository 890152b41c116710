import type { Claim, NodeLoad, NodeParts, TurnRecord } from "@claudeway/ports";

/** What a node asks of its gateway. */
export interface NodeWork {
  load(): NodeLoad;
  /**
   * Whether anything of the session is in this process: a turn, background work; unless the node drains, also a live process
   * or a client that follows it.
   */
  isBusy(sessionId: string, draining: boolean): boolean;
  /** Ends the idle process of a session that is about to be freed. False: what was said in it could not be saved. */
  letGo(sessionId: string): Promise<boolean>;
  isRunning(turnId: string): boolean;
  recordLost(turns: readonly TurnRecord[]): Promise<void>;
  /** Records what an earlier owner of a session left open. */
  recover(sessionId: string, claim: Claim): Promise<void>;
  /** Resumes a parked turn, whose session is this node's now. */
  goOn(turnId: string): Promise<void>;
  /** This node may work for so long more, unless it is said again. */
  mayWork(leftMs: number): void;
  /** Ends all turns and processes at once. Resolves when none is left. */
  stop(): Promise<void>;
}

export function nodeWork(parts: NodeParts): NodeWork {
  const { turns, queue, events, resumption, engine, guard } = parts;
  return {
    load: () => ({ running: queue.running, queued: queue.queued, processes: engine.processes }),
    isBusy: (sessionId, draining) =>
      turns.ofSession(sessionId).length > 0 ||
      engine.background(sessionId).length > 0 ||
      (!draining && (engine.keeps?.(sessionId) === true || events.has(sessionId))),
    async letGo(sessionId) {
      await engine.release(sessionId);
      return (await engine.saved?.(sessionId)) !== false;
    },
    isRunning: (turnId) => turns.get(turnId) !== undefined,
    recordLost: (found) => parts.recordLost(found),
    recover: (sessionId, claim) => parts.recover(sessionId, claim),
    goOn: (turnId) => resumption.goOn(turnId),
    mayWork: (leftMs) => guard?.mayWork?.(leftMs),
    async stop() {
      turns.stopAll("fenced");
      await parts.endProcesses();
      await turns.drained();
      guard?.renew?.();
    },
  };
}
