import type { NodeStart } from "@claudeway/ports";
import { Retries } from "./retries.js";

export interface LostAnswersOptions {
  /** Whether the start of a node still lives, by the ledger. */
  readonly lives: (start: NodeStart) => Promise<boolean>;
  readonly hasTurn: (turnId: string) => Promise<boolean>;
}

/** Finds out what became of prompts that another node did not answer. */
export class LostAnswers {
  constructor(private readonly options: LostAnswersOptions) {}

  /**
   * Whether the node has not begun the turn and never will. Only the ledger can tell, and only once that start of the node has
   * left or is buried: it can write nothing any more. Waits for that for a while, unless `stop` is aborted.
   */
  async neverBegun(turnId: string, by: NodeStart, stop: AbortSignal): Promise<boolean> {
    for (const retries = new Retries(); await this.options.lives(by); )
      if (stop.aborted || !(await retries.pause())) return false;
    return !(await this.options.hasTurn(turnId));
  }
}
